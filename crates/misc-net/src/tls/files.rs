//! Files of certificates and keys.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

use rustls::{
    InconsistentKeys, RootCertStore,
    crypto::CryptoProvider,
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{self, PemObject as _},
    },
};

use crate::tls::error::Problem;

/// Returns the cryptography that everything here uses, whatever the process has chosen for itself.
pub(super) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// Reads all certificates of a file, of which there is one at least.
pub(super) fn certificates(what: &'static str, path: &Path) -> Result<Vec<CertificateDer<'static>>, Problem> {
    let text = read(what, path)?;
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    match all {
        Ok(all) if !all.is_empty() => Ok(all),
        Ok(_) => Err(Problem::Nothing { what, path: path.into(), begin: "CERTIFICATE" }),
        Err(error) => Err(Problem::Malformed { what, path: path.into(), why: error.to_string() }),
    }
}

/// Reads the authorities of a file.
pub(super) fn authorities(what: &'static str, path: &Path) -> Result<Arc<RootCertStore>, Problem> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(what, path)? {
        let malformed = |error: rustls::Error| Problem::Malformed { what, path: path.into(), why: error.to_string() };
        roots.add(certificate).map_err(malformed)?;
    }
    Ok(Arc::new(roots))
}

/// Reads the private key of a file.
pub(super) fn key(path: &Path) -> Result<PrivateKeyDer<'static>, Problem> {
    let what = "private key";
    let text = read(what, path)?;
    PrivateKeyDer::from_pem_slice(&text).map_err(|error| match error {
        pem::Error::NoItemsFound => Problem::Nothing { what, path: path.into(), begin: "PRIVATE KEY" },
        error => Problem::Malformed { what, path: path.into(), why: error.to_string() },
    })
}

fn read(what: &'static str, path: &Path) -> Result<Vec<u8>, Problem> {
    fs::read(path).map_err(|error| Problem::Unreadable { what, path: path.into(), error: explained(path, error) })
}

fn explained(path: &Path, error: io::Error) -> io::Error {
    if path.as_os_str().is_empty() { io::Error::new(error.kind(), "its path is empty") } else { error }
}

/// Says what is wrong with a certificate and a key that could be read.
pub(super) fn rejected(certificate: &Path, key: &Path, error: &rustls::Error) -> Problem {
    let (certificate, key) = (certificate.into(), key.into());
    match error {
        rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => Problem::Mismatch { certificate, key },
        error => Problem::Unusable { certificate, key, why: error.to_string() },
    }
}

/// What tells that a file was changed or replaced, without reading it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    modified: Option<SystemTime>,
    length: u64,
    inode: u64,
}

impl Stamp {
    /// Looks at a file, or at what a link leads to; `None` when there is none.
    fn of(path: &Path) -> Option<Self> {
        let file = fs::metadata(path).ok()?;
        Some(Self { modified: file.modified().ok(), length: file.len(), inode: inode(&file) })
    }

    pub(super) fn of_all<'a>(paths: impl Iterator<Item = &'a PathBuf>) -> Vec<Option<Self>> {
        paths.map(|path| Self::of(path)).collect()
    }
}

#[cfg(unix)]
fn inode(file: &fs::Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(file)
}

#[cfg(not(unix))]
fn inode(_: &fs::Metadata) -> u64 {
    0
}
