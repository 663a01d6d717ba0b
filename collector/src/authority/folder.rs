//! What lies where in the authority's folder.
//!
//! | file | what it is |
//! |---|---|
//! | `authority.der` | the root's certificate; its SHA-256 is the pin |
//! | `authority.key` | the root's key; not there while it is kept offline |
//! | `issuer.pem` | the intermediate's key and certificate; not there in folders made before there were intermediates |
//! | `issuer-….der` | intermediates of before, whose certificates hosts may still have |
//! | `previous.der` | the root before, until it is let go |
//! | `cross.der` | the root, signed by the one before: who trusts only that one can follow |

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use rcgen::KeyPair;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

use super::private::read_private;

pub(super) const ROOT: &str = "authority.der";
pub(super) const ROOT_KEY: &str = "authority.key";
pub(super) const ISSUER: &str = "issuer.pem";
pub(super) const PREVIOUS: &str = "previous.der";
pub(super) const CROSS: &str = "cross.der";

/// What the names of intermediates of before begin with.
const FORMER: &str = "issuer-";

/// The intermediate that signs.
pub(super) struct Intermediate {
    pub(super) certificate: CertificateDer<'static>,
    pub(super) key: KeyPair,
}

/// The folder as it was read.
pub(super) struct Folder {
    pub(super) dir: PathBuf,
    pub(super) root: CertificateDer<'static>,
    /// `None`: offline.
    pub(super) root_key: Option<KeyPair>,
    /// `None`: the root signs itself.
    pub(super) issuer: Option<Intermediate>,
    pub(super) former: Vec<CertificateDer<'static>>,
    pub(super) previous: Option<CertificateDer<'static>>,
    pub(super) cross: Option<CertificateDer<'static>>,
}

/// Whether a folder holds an authority, or a part of one.
pub(super) fn stands(dir: &Path) -> bool {
    [ROOT, ROOT_KEY, ISSUER].iter().any(|name| dir.join(name).exists())
}

impl Folder {
    /// Reads it.
    pub(super) fn load(dir: &Path) -> anyhow::Result<Self> {
        let root_path = dir.join(ROOT);
        let root = fs::read(&root_path)
            .with_context(|| format!("read {} (has `init` been run?)", root_path.display()))?;
        let key_path = dir.join(ROOT_KEY);
        let root_key = key_path.exists().then(|| read_key(&key_path)).transpose()?;
        let issuer_path = dir.join(ISSUER);
        let issuer = issuer_path.exists().then(|| read_intermediate(&issuer_path)).transpose()?;
        if root_key.is_none() && issuer.is_none() {
            bail!("{} holds neither {ROOT_KEY} nor {ISSUER}: nothing can be signed", dir.display());
        }

        Ok(Self {
            dir: dir.to_owned(),
            root: root.into(),
            root_key,
            issuer,
            former: read_former(dir)?,
            previous: read_if_there(&dir.join(PREVIOUS))?,
            cross: read_if_there(&dir.join(CROSS))?,
        })
    }

    /// The certificate and the key that sign.
    pub(super) fn signer(&self) -> anyhow::Result<(&CertificateDer<'static>, KeyPair)> {
        let (certificate, key) = match (&self.issuer, &self.root_key) {
            (Some(issuer), _) => (&issuer.certificate, &issuer.key),
            (None, Some(key)) => (&self.root, key),
            (None, None) => bail!("{} holds no key that signs", self.dir.display()),
        };
        let key = KeyPair::from_pem(&key.serialize_pem()).context("read a key again")?;

        Ok((certificate, key))
    }

    /// The present intermediate and those before it.
    pub(super) fn intermediates(&self) -> impl Iterator<Item = CertificateDer<'static>> {
        self.issuer.iter().map(|issuer| &issuer.certificate).chain(&self.former).cloned()
    }
}

/// The name under which an intermediate stays when another takes its place.
pub(super) fn former_name(certificate: &CertificateDer<'_>) -> String {
    let digest = vonggac_protocol::digest::Digest::of(certificate).to_string();

    format!("{FORMER}{}.der", digest.chars().take(16).collect::<String>())
}

/// Reads a key that only we may read.
pub(super) fn read_key(path: &Path) -> anyhow::Result<KeyPair> {
    let text = read_private(path)?;

    KeyPair::from_pem(&text).with_context(|| format!("read the key {}", path.display()))
}

fn read_intermediate(path: &Path) -> anyhow::Result<Intermediate> {
    let text = read_private(path)?;
    let unusable = || format!("read {}", path.display());
    let key = KeyPair::from_pem(&text).with_context(unusable)?;
    let certificate = CertificateDer::from_pem_slice(text.as_bytes()).with_context(unusable)?;

    Ok(Intermediate { certificate, key })
}

fn read_if_there(path: &Path) -> anyhow::Result<Option<CertificateDer<'static>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes.into())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("read {}", path.display())),
    }
}

fn read_former(dir: &Path) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(dir).with_context(|| format!("look into {}", dir.display()))? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.starts_with(FORMER) && path.extension().is_some_and(|extension| extension == "der") {
            paths.push(path);
        }
    }
    paths.sort();

    paths
        .into_iter()
        .map(|path| Ok(fs::read(&path).with_context(|| format!("read {}", path.display()))?.into()))
        .collect()
}
