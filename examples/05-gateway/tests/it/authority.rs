//! A certificate authority, and its files.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
};

use misc::net::tls::{Client, ClientConfig};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

/// Signs certificates, and keeps them in files of a directory that is removed in the end.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    directory: PathBuf,
}

impl Authority {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("gateway-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&directory).expect("a directory");
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // OpenSSL takes who is called like its issuer for its own issuer.
        params.distinguished_name.push(DnType::CommonName, "an authority");
        let key = KeyPair::generate().expect("a key");
        fs::write(directory.join("ca.crt"), params.self_signed(&key).expect("a certificate").pem()).expect("a file");
        Self { issuer: Issuer::new(params, key), directory }
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.directory.join(name).to_str().expect("it is UTF-8").to_owned()
    }

    /// Writes `<name>.crt` and `<name>.key`, or others in their place.
    pub(crate) fn certify(&self, name: &str) {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(["localhost".to_owned()]).expect("a name");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate").pem();
        for (path, text) in [(format!("{name}.crt"), certificate), (format!("{name}.key"), key.serialize_pem())] {
            // Replaced as a whole, as those do who renew certificates.
            let (path, fresh) = (self.path(&path), self.path("fresh"));
            fs::write(&fresh, text).and_then(|()| fs::rename(fresh, path)).expect("a file");
        }
    }

    /// Returns what a device trusts, and who it is if it is anybody.
    pub(crate) fn trusted_by(&self, device: Option<&str>) -> Client {
        let mut config = ClientConfig::default();
        config.ca = Some(self.path("ca.crt").into());
        config.server_name = Some("localhost".to_owned());
        let file = |end: &str| device.map(|name| Path::new(&self.path(&format!("{name}.{end}"))).to_owned());
        (config.certificate, config.key) = (file("crt"), file("key"));
        Client::new(config).expect("a certificate")
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        // What stays behind is in the directory for that.
        drop(fs::remove_dir_all(&self.directory));
    }
}
