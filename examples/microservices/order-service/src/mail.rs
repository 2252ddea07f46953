//! Mails, and what sends them.

use std::{collections::HashSet, io, path::PathBuf};

use serde::{Deserialize, Serialize};
use tokio::{
    fs::{self, File, OpenOptions},
    io::AsyncWriteExt as _,
    sync::Mutex,
};

/// Sends mails.
pub trait Mailer: Send + Sync + 'static {
    /// Sends a mail, unless one with its id was sent before.
    fn send(&self, mail: &Mail) -> impl Future<Output = io::Result<()>> + Send;
}

/// A mail to a customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mail {
    /// Tells it from all others: a second one with the same id is the same mail.
    pub id: String,
    /// Whom it is for.
    pub to: String,
    /// What it says.
    pub text: String,
}

/// Writes mails to a file, a line for each, in the place of a mail server.
#[derive(Debug)]
pub struct MailFile {
    path: PathBuf,
    open: Mutex<Option<Open>>,
}

#[derive(Debug)]
struct Open {
    file: File,
    sent: HashSet<String>,
}

impl MailFile {
    /// Names the file, which is made with the first mail.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), open: Mutex::default() }
    }

    /// Opens the file, and reads what was sent by whoever had it before.
    async fn open(&self) -> io::Result<Open> {
        let file = OpenOptions::new().append(true).create(true).open(&self.path).await?;
        let text = fs::read_to_string(&self.path).await?;
        // The last line may be a part of one; whoever has written that has not said that it was sent.
        let lines = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        let mails = lines.filter_map(|line| serde_json::from_str(line).ok());
        let mut open = Open { file, sent: mails.map(|mail: Mail| mail.id).collect() };
        if !text.is_empty() && !text.ends_with('\n') {
            open.file.write_all(b"\n").await?;
        }
        Ok(open)
    }
}

impl Mailer for MailFile {
    async fn send(&self, mail: &Mail) -> io::Result<()> {
        let mut slot = self.open.lock().await;
        // What was begun and dropped is not known to be whole: then the file is read anew.
        let mut open = match slot.take() {
            Some(open) => open,
            None => self.open().await?,
        };
        if !open.sent.contains(&mail.id) {
            let line = format!("{}\n", serde_json::to_string(mail)?);
            open.file.write_all(line.as_bytes()).await?;
            open.file.sync_data().await?;
            open.sent.insert(mail.id.clone());
        }
        *slot = Some(open);
        Ok(())
    }
}
