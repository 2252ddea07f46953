//! A certificate authority for tests.

use std::{
    fs,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use misc_net::tls::Config;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::{
    ClientConfig, RootCertStore, SupportedProtocolVersion,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};

/// Signs certificates.
pub(crate) struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its key, in PEM.
pub(crate) struct Certified {
    pub(crate) chain: String,
    pub(crate) key: String,
}

/// A certificate and its key, in files of a directory that is removed in the end.
pub(crate) struct Files {
    directory: PathBuf,
    name: &'static str,
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a certificate");
        let pem = params.self_signed(&key).expect("a certificate").pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    pub(crate) fn certified(&self, name: &str) -> Certified {
        let key = KeyPair::generate().expect("a certificate");
        let params = CertificateParams::new([name.to_owned()]).expect("a certificate");
        let chain = params.signed_by(&key, &self.issuer).expect("a certificate").pem();
        Certified { chain, key: key.serialize_pem() }
    }

    /// Writes a fresh certificate into files of its own.
    pub(crate) fn files(&self, name: &'static str) -> Files {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let directory = std::env::temp_dir().join(format!("misc-net-{}-{number}", std::process::id()));
        fs::create_dir(&directory).expect("a file");
        let (certificate, key) = (directory.join("tls.crt"), directory.join("tls.key"));
        let files = Files { directory, name, certificate, key };
        self.renew(&files);
        files
    }

    /// Writes another certificate into the files.
    pub(crate) fn renew(&self, files: &Files) {
        let Certified { chain, key } = self.certified(files.name);
        // Replaced, not written over, as those do who renew certificates.
        for (path, text) in [(&files.certificate, chain), (&files.key, key)] {
            let fresh = path.with_extension("new");
            fs::write(&fresh, text).expect("a file");
            fs::rename(fresh, path).expect("a file");
        }
    }

    /// Writes the authority's own certificate beside these files.
    pub(crate) fn file(&self, files: &Files) -> PathBuf {
        let path = files.directory.join("ca.crt");
        fs::write(&path, &self.pem).expect("a file");
        path
    }

    /// Makes a client that trusts this authority.
    pub(crate) fn client(&self) -> ClientConfig {
        self.client_of(rustls::ALL_VERSIONS)
    }

    pub(crate) fn client_of(&self, versions: &[&'static SupportedProtocolVersion]) -> ClientConfig {
        self.trusting(versions).with_no_client_auth()
    }

    /// Makes a client that trusts this authority and shows a certificate.
    pub(crate) fn client_with(&self, own: &Certified) -> ClientConfig {
        let chain = CertificateDer::pem_slice_iter(own.chain.as_bytes())
            .collect::<Result<_, _>>()
            .expect("a certificate and its key");
        let key = PrivateKeyDer::from_pem_slice(own.key.as_bytes()).expect("a certificate and its key");
        self.trusting(rustls::ALL_VERSIONS).with_client_auth_cert(chain, key).expect("a certificate and its key")
    }

    fn trusting(
        &self,
        versions: &[&'static SupportedProtocolVersion],
    ) -> rustls::ConfigBuilder<ClientConfig, rustls::client::WantsClientCert> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.pem.as_bytes()).expect("a certificate")).expect("a certificate");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config =
            ClientConfig::builder_with_provider(provider).with_protocol_versions(versions).expect("a certificate");
        config.with_root_certificates(roots)
    }
}

impl Files {
    pub(crate) fn config(&self) -> Config {
        Config::new(&self.certificate, &self.key)
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.directory));
    }
}
