//! Mail over SMTP, encrypted unless told otherwise, and not through SES: an account that AWS has paused sends no warning either.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, MessageBuilder};
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Certificate, TlsParameters};
use lettre::transport::smtp::extension::ClientId;

use super::Undelivered;
use super::message::Message;
use super::secret::Secret;

/// How the connection is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tls {
    /// Plain at first, then encrypted before anything is said; a server that cannot is given up.
    Upgraded,
    /// From the first byte on.
    Implicit,
    /// Not at all.
    Plain,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Smtp {
    pub(crate) server: String,
    pub(crate) port: u16,
    pub(crate) tls: Tls,
    /// A certificate to trust beside the system's.
    pub(crate) ca_file: Option<PathBuf>,
    pub(crate) from: Mailbox,
    pub(crate) recipients: Vec<Mailbox>,
    pub(crate) login: Option<(String, Secret)>,
    pub(crate) allow_ses: bool,
}

/// Whether a host name is one of Amazon's: SES takes mail at `email-smtp.REGION.amazonaws.com`.
pub(crate) fn is_amazon(host: &str) -> bool {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    ["amazonaws.com", "amazonaws.com.cn", "amazonses.com", "awsapps.com"]
        .iter()
        .any(|domain| host == *domain || host.ends_with(&format!(".{domain}")))
}

impl Smtp {
    pub(crate) async fn deliver(&self, message: &Message, timeout: Duration) -> Result<(), Undelivered> {
        let sent = tokio::time::timeout(timeout, self.send(message, timeout));
        sent.await.unwrap_or_else(|_| Err(Undelivered::Unreachable("no answer in time".to_owned())))
    }

    async fn send(&self, message: &Message, timeout: Duration) -> Result<(), Undelivered> {
        let mail = self.mail(message)?;
        let tls = || self.tls_parameters();
        let at_once = if self.tls == Tls::Implicit { Some(tls()?) } else { None };
        let client = ClientId::default();
        let address = (self.server.as_str(), self.port);
        let connected = AsyncSmtpConnection::connect_tokio1(address, Some(timeout), &client, at_once, None).await;
        let mut connection = connected.map_err(|error| failed(&error))?;
        // Behind a name of the user's own may be SES, too; it says so in its greeting.
        let name = connection.server_info().name().to_owned();
        if is_amazon(&name) && !self.allow_ses {
            return Err(Undelivered::Refused(format!(
                "`{}` is SES (it greets as `{name}`): {WHY_NOT_SES}",
                self.server
            )));
        }
        let spoken = async {
            if self.tls == Tls::Upgraded {
                if !connection.can_starttls() {
                    let what = "the server offers no STARTTLS; write tls = \"implicit\", or tls = \"plain\" if the network is yours";
                    return Err(Undelivered::Refused(what.to_owned()));
                }
                connection.starttls(tls()?, &client).await.map_err(|error| failed(&error))?;
            }
            if let Some((user, password)) = &self.login {
                let login = Credentials::new(user.clone(), password.read()?);
                connection.auth(&[Mechanism::Plain, Mechanism::Login], &login).await.map_err(|error| failed(&error))?;
            }
            connection.send(mail.envelope(), &mail.formatted()).await.map_err(|error| failed(&error))
        };
        // What failed is dropped, not ended in good order: lettre panics on a connection whose STARTTLS failed.
        spoken.await?;
        let _ = connection.quit().await;
        Ok(())
    }

    fn tls_parameters(&self) -> Result<TlsParameters, Undelivered> {
        let mut builder = TlsParameters::builder(self.server.clone());
        if let Some(path) = &self.ca_file {
            let unreadable =
                |error: String| Undelivered::Unreachable(format!("cannot read `{}`: {error}", path.display()));
            let pem = std::fs::read(path).map_err(|error| unreadable(error.to_string()))?;
            builder = builder
                .add_root_certificate(Certificate::from_pem(&pem).map_err(|error| unreadable(error.to_string()))?);
        }
        builder.build_rustls().map_err(|error| failed(&error))
    }

    fn mail(&self, message: &Message) -> Result<lettre::Message, Undelivered> {
        let thread = format!("<{}@repute.invalid>", message.id);
        let mut mail = MessageBuilder::new()
            .from(self.from.clone())
            .subject(message.title())
            .message_id(Some(format!("<{}@repute.invalid>", message.once)))
            .references(thread)
            .header(ContentType::TEXT_PLAIN);
        for recipient in &self.recipients {
            mail = mail.to(recipient.clone());
        }
        let mut mail = mail.body(message.text()).map_err(|error| Undelivered::Refused(error.to_string()))?;
        // RFC 3834: nobody's absence is to be answered with.
        for (name, value) in [("Auto-Submitted", "auto-generated"), ("X-Repute-Incident", message.id.as_str())] {
            let name =
                HeaderName::new_from_ascii(name.to_owned()).map_err(|error| Undelivered::Refused(error.to_string()))?;
            mail.headers_mut().insert_raw(HeaderValue::new(name, value.to_owned()));
        }
        Ok(mail)
    }
}

/// Why mail does not go through SES.
pub(crate) const WHY_NOT_SES: &str = "when AWS pauses the account, it takes the warnings with it; name another server, or write \
                                      `allow_ses = true` if it is an account of its own";

/// A server's lasting refusal is one; everything else may pass.
fn failed(error: &lettre::transport::smtp::Error) -> Undelivered {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        let words = error.to_string();
        if !text.contains(&words) {
            text += &format!(": {words}");
        }
        cause = error.source();
    }
    let text = crate::output::plain(&text).into_owned();
    if error.is_permanent() { Undelivered::Refused(text) } else { Undelivered::Unreachable(text) }
}

/// A host name or address that can be connected to.
pub(crate) fn is_host(text: &str) -> bool {
    let is_name = || {
        !text.is_empty()
            && text.split('.').all(|part| {
                !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
            })
    };
    text.parse::<IpAddr>().is_ok() || is_name()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use chrono::DateTime;

    use super::super::state::Kind;
    use super::*;

    #[test]
    fn ses_is_known_by_its_names() {
        for host in [
            "email-smtp.eu-west-1.amazonaws.com",
            "EMAIL-SMTP.us-east-1.amazonaws.com.",
            "inbound-smtp.x.amazonses.com",
        ] {
            assert!(is_amazon(host), "{host}");
        }
        for host in ["smtp.example.com", "amazonaws.com.example.com", "notamazonaws.com", "127.0.0.1"] {
            assert!(!is_amazon(host), "{host}");
        }
    }

    /// Whatever a configuration set is named, it stays in the subject.
    #[test]
    fn nothing_escapes_the_subject() {
        let mut message = Message::test(DateTime::UNIX_EPOCH, Kind::Opened, None);
        message.about.group =
            vec![("configuration_set".to_owned(), Some("a\r\nBcc: evil@example.com\r\n\r\nbody".to_owned()))];
        message.facts.sentence = "one\r\n.\r\nQUIT ünï".to_owned();
        let smtp = Smtp {
            server: "localhost".to_owned(),
            port: 25,
            tls: Tls::Plain,
            ca_file: None,
            from: "repute@example.com".parse().unwrap(),
            recipients: vec!["Ops <ops@example.com>".parse().unwrap()],
            login: None,
            allow_ses: false,
        };
        let mail = String::from_utf8(smtp.mail(&message).unwrap().formatted()).unwrap();
        let headers = mail.split("\r\n\r\n").next().unwrap();
        assert!(!headers.lines().any(|line| line.starts_with("Bcc")), "{headers}");
        assert!(headers.contains("Subject: [repute] TEST WARNING: test of a"), "{headers}");
        assert!(!mail.contains("\r\n.\r\n"), "{mail}");
    }
}
