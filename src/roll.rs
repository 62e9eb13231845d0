//! Files of TOML tables with a name each that commands change: whole or not at all, one command at a time, and without touching what
//! else stands in them.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use anyhow::Context;
use toml_edit::{ArrayOfTables, DocumentMut, Item, Table};

use crate::exit::Failure;

/// Only whoever runs the dashboard reads what is kept of passwords.
const MODE: u32 = 0o600;

/// Such a file, while it is changed.
pub(crate) struct Roll {
    path: PathBuf,
    document: DocumentMut,
    /// `user` or `token`.
    kind: &'static str,
    /// Held against other commands until it is dropped.
    _lock: File,
}

impl Roll {
    /// Opens a file, or begins a new one under this first line.
    pub(crate) fn open(path: &Path, kind: &'static str, head: &str) -> Result<Self, Failure> {
        // A link stays, and the file that it points to is changed.
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let folder = folder_of(&path);
        let lock = File::open(folder).with_context(|| format!("cannot open the folder `{}`", folder.display()))?;
        lock.lock().with_context(|| format!("cannot lock the folder `{}`", folder.display()))?;
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => format!("# {head}\n"),
            Err(error) => {
                return Err(anyhow::Error::from(error).context(format!("cannot read `{}`", path.display())).into());
            }
        };
        let document = text.parse::<DocumentMut>().map_err(|error| {
            let line = text.get(..error.span().map_or(0, |span| span.start)).unwrap_or("").matches('\n').count() + 1;
            Failure::Usage(format!("{}:{line}: {}", path.display(), error.message()))
        })?;
        Ok(Self { path, document, kind, _lock: lock })
    }

    /// The table of this name.
    pub(crate) fn find(&mut self, name: &str) -> Result<&mut Table, Failure> {
        let missing = Failure::Usage(format!("there is no {} `{name}` in `{}`", self.kind, self.path.display()));
        let found = self.tables()?.iter_mut().find(|table| is_named(table, name));
        found.ok_or(missing)
    }

    /// Adds a table, whose name is not taken.
    pub(crate) fn add(&mut self, name: &str, mut table: Table) -> Result<(), Failure> {
        let (kind, path) = (self.kind, self.path.display().to_string());
        if self.document.is_empty() {
            // What stands in a file without tables stays above the first one.
            let head = self.document.trailing().as_str().unwrap_or_default().to_owned();
            table.decor_mut().set_prefix(format!("{head}\n"));
            self.document.set_trailing("");
        }
        let tables = self.tables()?;
        if tables.iter().any(|table| is_named(table, name)) {
            return Err(Failure::Usage(format!(
                "there is a {kind} `{name}` in `{path}` already: remove it first, or choose another name"
            )));
        }
        tables.push(table);
        Ok(())
    }

    /// Removes a table.
    pub(crate) fn remove(&mut self, name: &str) -> Result<(), Failure> {
        self.find(name)?;
        self.tables()?.retain(|table| !is_named(table, name));
        Ok(())
    }

    fn tables(&mut self) -> Result<&mut ArrayOfTables, Failure> {
        let (kind, path) = (self.kind, self.path.display().to_string());
        let item = self.document.entry(kind).or_insert_with(|| Item::ArrayOfTables(ArrayOfTables::new()));
        item.as_array_of_tables_mut()
            .ok_or_else(|| Failure::Usage(format!("{path}: write each {kind} as `[[{kind}]]`")))
    }

    /// Puts the file in place of the one before, with its owner and rights, or with rights for nobody else.
    pub(crate) fn save(self) -> anyhow::Result<PathBuf> {
        let mut name = self.path.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}.new", std::process::id()));
        let fresh = self.path.with_file_name(name);
        let written = self.write(&fresh);
        if written.is_err() {
            let _ = fs::remove_file(&fresh);
        }
        written.with_context(|| format!("cannot write `{}`", self.path.display()))?;
        Ok(self.path)
    }

    fn write(&self, fresh: &Path) -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(MODE).open(fresh)?;
        if let Ok(before) = fs::metadata(&self.path) {
            // Whoever may not give the file away keeps it, and the server must be able to read it then.
            let _ = fchown(&file, Some(before.uid()), Some(before.gid()));
            file.set_permissions(fs::Permissions::from_mode(before.mode() & 0o777))?;
        }
        file.write_all(self.document.to_string().as_bytes())?;
        file.sync_all()?;
        fs::rename(fresh, &self.path)?;
        File::open(folder_of(&self.path))?.sync_all()
    }
}

fn is_named(table: &Table, name: &str) -> bool {
    table.get("name").and_then(Item::as_str) == Some(name)
}

/// The folder a file lies in, which has no name where the file is named alone.
fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}
