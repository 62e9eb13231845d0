//! Scalar functions the scans use, so that the arithmetic's rules stand in Rust once and not in every plan.

use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int16Array, StringViewArray};
use arrow::datatypes::DataType;
use datafusion::common::{Result, exec_datafusion_err};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};

use crate::counting::CountingRules;
use crate::provider::Providers;
use crate::reasons::{Bounce, Classifier, normalise};
use crate::seen::Seen;
use crate::tally::{Kind, cell};

/// `tally_cell(event_type, bounce_type, bounce_subtype, complaint_feedback_type, complaint_subtype, recipient_domain
/// [, recipient])`: the number of the tally's cell that the row belongs to, null for a row that is not counted.
pub(crate) fn tally_cell(rules: Arc<CountingRules>) -> ScalarUDF {
    let arguments = if rules.looks_at_addresses() { 7 } else { 6 };
    let signature = Signature::exact(vec![DataType::Utf8View; arguments], Volatility::Immutable);
    ScalarUDF::new_from_impl(TallyCell { signature, rules })
}

/// `mailbox_provider(domain)`: the provider's name, or the domain itself.
pub(crate) fn mailbox_provider(providers: Arc<Providers>) -> ScalarUDF {
    let signature = Signature::exact(vec![DataType::Utf8View], Volatility::Immutable);
    ScalarUDF::new_from_impl(MailboxProvider { signature, providers })
}

/// `bounce_reason(diagnostic)`: the normalised text.
pub(crate) fn bounce_reason() -> ScalarUDF {
    ScalarUDF::new_from_impl(BounceReason(Signature::exact(vec![DataType::Utf8View], Volatility::Immutable)))
}

/// `bounce_class(event_type, bounce_type, bounce_subtype, status, diagnostic)`: the class of a bounce, null for other events.
pub(crate) fn bounce_class(classifier: Arc<Classifier>) -> ScalarUDF {
    let signature = Signature::exact(vec![DataType::Utf8View; 5], Volatility::Immutable);
    ScalarUDF::new_from_impl(ClassOfBounce { signature, classifier })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct BounceReason(Signature);

#[derive(Debug)]
struct ClassOfBounce {
    signature: Signature,
    classifier: Arc<Classifier>,
}

impl PartialEq for ClassOfBounce {
    fn eq(&self, other: &Self) -> bool {
        self.classifier == other.classifier
    }
}

impl Eq for ClassOfBounce {}

impl Hash for ClassOfBounce {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.signature.hash(state);
    }
}

#[derive(Debug)]
struct TallyCell {
    signature: Signature,
    rules: Arc<CountingRules>,
}

/// What an event's type alone says of its kind.
#[derive(Clone, Copy)]
pub(crate) enum Shape {
    Is(Kind),
    /// Bounces and complaints are told apart by more.
    Divided,
    Unknown,
}

impl Shape {
    pub(crate) fn of(event_type: Option<&str>) -> Self {
        match event_type {
            Some("Bounce" | "Complaint") => Self::Divided,
            event_type => event_type
                .and_then(|event_type| Kind::of(event_type, None, None, None, None))
                .map_or(Self::Unknown, Self::Is),
        }
    }
}

#[derive(Debug)]
struct MailboxProvider {
    signature: Signature,
    providers: Arc<Providers>,
}

impl PartialEq for TallyCell {
    fn eq(&self, other: &Self) -> bool {
        self.rules == other.rules
    }
}

impl Eq for TallyCell {}

impl Hash for TallyCell {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.signature.hash(state);
    }
}

impl PartialEq for MailboxProvider {
    fn eq(&self, other: &Self) -> bool {
        self.providers == other.providers
    }
}

impl Eq for MailboxProvider {}

impl Hash for MailboxProvider {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.signature.hash(state);
    }
}

fn text(array: &ArrayRef) -> Result<&StringViewArray> {
    array.as_string_view_opt().ok_or_else(|| exec_datafusion_err!("expected text, found {}", array.data_type()))
}

fn value(array: &StringViewArray, row: usize) -> Option<&str> {
    array.is_valid(row).then(|| array.value(row))
}

impl ScalarUDFImpl for TallyCell {
    fn name(&self) -> &str {
        "tally_cell"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Int16)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let columns: Vec<&StringViewArray> = arrays.iter().map(text).collect::<Result<_>>()?;
        let [event, bounce, bounce_subtype, feedback, complaint_subtype, domain, address @ ..] = columns.as_slice()
        else {
            return Err(exec_datafusion_err!("tally_cell takes six or seven columns, found {}", columns.len()));
        };
        let (mut kinds, mut classes) = (Seen::of(event), Seen::of(domain));
        let cells = (0..event.len()).map(|row| {
            let kind = match kinds.get(row, Shape::of) {
                Shape::Is(kind) => kind,
                Shape::Unknown => return None,
                Shape::Divided => Kind::of(
                    value(event, row)?,
                    value(bounce, row),
                    value(bounce_subtype, row),
                    value(feedback, row),
                    value(complaint_subtype, row),
                )?,
            };
            let class = match address.first() {
                Some(address) => self.rules.class(value(domain, row), value(address, row)),
                None => classes.get(row, |domain| self.rules.class(domain, None)),
            };
            Some(cell(kind, class))
        });
        Ok(ColumnarValue::Array(Arc::new(cells.collect::<Int16Array>())))
    }
}

impl ScalarUDFImpl for MailboxProvider {
    fn name(&self) -> &str {
        "mailbox_provider"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8View)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let domains = text(arrays.first().ok_or_else(|| exec_datafusion_err!("mailbox_provider takes a column"))?)?;
        let mut seen = Seen::of(domains);
        let name = |row| seen.get(row, |domain| domain.map(|domain| self.providers.of(domain)));
        let names: StringViewArray = (0..domains.len()).map(name).collect();
        Ok(ColumnarValue::Array(Arc::new(names)))
    }
}

impl ScalarUDFImpl for BounceReason {
    fn name(&self) -> &str {
        "bounce_reason"
    }

    fn signature(&self) -> &Signature {
        &self.0
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8View)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let texts = text(arrays.first().ok_or_else(|| exec_datafusion_err!("bounce_reason takes a column"))?)?;
        let mut known: HashMap<&str, String> = HashMap::new();
        texts.iter().flatten().for_each(|text| {
            known.entry(text).or_insert_with(|| normalise(text));
        });
        let normal: StringViewArray = texts.iter().map(|text| text.and_then(|text| known.get(text))).collect();
        Ok(ColumnarValue::Array(Arc::new(normal)))
    }
}

impl ScalarUDFImpl for ClassOfBounce {
    fn name(&self) -> &str {
        "bounce_class"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8View)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let columns: Vec<&StringViewArray> = arrays.iter().map(text).collect::<Result<_>>()?;
        let [event, bounce, subtype, status, diagnostic] = columns.as_slice() else {
            return Err(exec_datafusion_err!("bounce_class takes five columns, found {}", columns.len()));
        };
        // Normalised texts are few, rules are many; and half of all diagnostics came before as they are.
        let mut known = HashMap::new();
        let mut as_it_is = HashMap::new();
        let classes = (0..event.len()).map(|row| {
            if value(event, row) != Some("Bounce") {
                return None;
            }
            let raw = (value(bounce, row), value(subtype, row), value(status, row), value(diagnostic, row));
            if let Some(class) = as_it_is.get(&raw) {
                return Some(*class);
            }
            let key = (raw.0, raw.1, raw.2, raw.3.map(normalise));
            if let Some(class) = known.get(&key) {
                as_it_is.insert(raw, *class);
                return Some(*class);
            }
            let bounce = Bounce { bounce_type: key.0, subtype: key.1, status: key.2, text: key.3.as_deref() };
            let class = self.classifier.class(&bounce).as_str();
            known.insert(key, class);
            as_it_is.insert(raw, class);
            Some(class)
        });
        Ok(ColumnarValue::Array(Arc::new(classes.collect::<StringViewArray>())))
    }
}
