//! Changes of the authority. Each is done at a point: before it the old holds, after it the new, and a crash between
//! leaves one of them.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, bail, ensure};
use data_encoding::{BASE64, HEXLOWER};
use rcgen::{Issuer, KeyPair, PKCS_ECDSA_P256_SHA256};
use rustls_pki_types::CertificateDer;
use vonggac_protocol::time::Timestamp;

use super::folder::{CROSS, Folder, ISSUER, PREVIOUS, ROOT, ROOT_KEY, former_name, read_key};
use super::private::{make_private_dir, replace_private, sync_dir, write_private};
use super::{DAY, INTERMEDIATE_DAYS, ROOT_DAYS, authority_params, validity};
use crate::random;

/// Makes a root and an intermediate in a folder that holds neither.
pub(super) fn found(dir: &Path, now: Timestamp) -> anyhow::Result<()> {
    let (name, key) =
        (unique("root")?, KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).context("make a key")?);
    let root = make_root(&name, &key, now)?;
    let issuer = make_intermediate(&root, &key, now)?;
    make_private_dir(dir)?;
    write_private(&dir.join(ROOT_KEY), key.serialize_pem().as_bytes())?;
    replace_private(&dir.join(ISSUER), issuer.as_bytes())?;

    // With the root's certificate the authority stands.
    replace_private(&dir.join(ROOT), &root)
}

/// Writes the root's key to a new file that only its owner may read, and takes it out of the collector.
///
/// # Errors
/// If it is out already, there is no intermediate to sign without it, or the file cannot be written; then it is
/// still in the collector.
pub fn export_root(dir: &Path, out: &Path) -> anyhow::Result<()> {
    let folder = Folder::load(dir)?;
    let key = folder.root_key.as_ref().context("the root's key is not in the collector")?;
    ensure!(folder.issuer.is_some(), "there is no intermediate: make one first with `authority rotate`");
    let outside = fs::canonicalize(
        out.parent().filter(|path| !path.as_os_str().is_empty()).unwrap_or_else(|| Path::new(".")),
    )
    .with_context(|| format!("look for the folder of {}", out.display()))?;
    let data_dir = dir.parent().unwrap_or(dir);
    let inside = fs::canonicalize(data_dir).with_context(|| format!("look for {}", data_dir.display()))?;
    ensure!(!outside.starts_with(&inside), "{} lies in the data folder: give another place", out.display());
    write_private(out, key.serialize_pem().as_bytes())?;
    sync_dir(&outside)?;
    let written = read_key(out)?;
    ensure!(fits(&folder.root, &written)?, "{} does not hold what was written", out.display());
    remove_dir(&dir.with_extension("new"))?;
    fs::remove_file(dir.join(ROOT_KEY)).context("take the root's key out")?;

    sync_dir(dir)
}

/// Makes a new intermediate under the root. Certificates that the one before signed still count.
///
/// # Errors
/// If the root's key is not there and not given, or is another's, or the disk refuses.
pub fn rotate(dir: &Path, key_file: Option<&Path>, now: Timestamp) -> anyhow::Result<()> {
    let folder = Folder::load(dir)?;
    let key = root_key(&folder, key_file)?;
    let issuer = make_intermediate(&folder.root, &key, now)?;
    if let Some(before) = &folder.issuer {
        replace_private(&dir.join(former_name(&before.certificate)), &before.certificate)?;
    }

    replace_private(&dir.join(ISSUER), issuer.as_bytes())
}

/// Makes a new root and an intermediate under it. The root before signs the new one, so that agents which know only
/// the one before can follow; it is trusted until [`retire`].
///
/// # Errors
/// If the present root's key is not there and not given, or is another's; if a root change is under way already; or
/// if the disk refuses.
pub fn rotate_root(dir: &Path, key_file: Option<&Path>, now: Timestamp) -> anyhow::Result<()> {
    let folder = Folder::load(dir)?;
    ensure!(
        folder.previous.is_none(),
        "a change of the root is under way: end it first with `authority retire`"
    );
    let old_key = root_key(&folder, key_file)?;
    let (name, key) =
        (unique("root")?, KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).context("make a key")?);
    let root = make_root(&name, &key, now)?;
    let issuer = make_intermediate(&root, &key, now)?;
    let cross = cross_sign(&name, &key, &folder.root, old_key, now)?;

    let beside = dir.with_extension("new");
    remove_dir(&beside)?;
    make_private_dir(&beside)?;
    for former in folder.intermediates() {
        write_private(&beside.join(former_name(&former)), &former)?;
    }
    write_private(&beside.join(ROOT), &root)?;
    write_private(&beside.join(ROOT_KEY), key.serialize_pem().as_bytes())?;
    write_private(&beside.join(ISSUER), issuer.as_bytes())?;
    write_private(&beside.join(PREVIOUS), &folder.root)?;
    write_private(&beside.join(CROSS), &cross)?;
    sync_dir(&beside)?;
    let here = rustix::fs::CWD;
    rustix::fs::renameat_with(here, &beside, here, dir, rustix::fs::RenameFlags::EXCHANGE)
        .context("put the new authority in its place")?;
    sync_dir(dir.parent().unwrap_or(dir))?;

    // What stood before, now beside; a crash before this line leaves it there and the next change removes it.
    remove_dir(&beside)
}

/// Lets go of the root before: agents that have not learned the new one are not told of it any more.
///
/// # Errors
/// If no change of the root is under way, or the disk refuses.
pub fn retire(dir: &Path) -> anyhow::Result<()> {
    ensure!(Folder::load(dir)?.previous.is_some(), "no change of the root is under way");
    for name in [CROSS, PREVIOUS] {
        match fs::remove_file(dir.join(name)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("remove {name}"));
            }
            Ok(()) | Err(_) => {}
        }
    }

    sync_dir(dir)
}

fn remove_dir(dir: &Path) -> anyhow::Result<()> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("remove {}", dir.display()))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Each has a name of its own: chains are found by names.
fn unique(what: &str) -> anyhow::Result<String> {
    Ok(format!("Vong Gac {what} {}", HEXLOWER.encode(&random::bytes::<6>()?)))
}

fn make_root(name: &str, key: &KeyPair, now: Timestamp) -> anyhow::Result<CertificateDer<'static>> {
    let params = authority_params(name, 1, now, now.plus(DAY * ROOT_DAYS))?;

    Ok(params.self_signed(key).context("sign the root's certificate")?.der().clone())
}

/// The intermediate's key and certificate as one text, so that they change at one point.
fn make_intermediate(
    root: &CertificateDer<'_>,
    root_key: &KeyPair,
    now: Timestamp,
) -> anyhow::Result<String> {
    let (_, root_ends) = validity(root)?;
    let issuer = Issuer::from_ca_cert_der(root, root_key).context("read the root's certificate")?;
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).context("make a key")?;
    let until = now.plus(DAY * INTERMEDIATE_DAYS).min(root_ends);
    let params = authority_params(&unique("issuer")?, 0, now, until)?;
    let certificate = params.signed_by(&key, &issuer).context("sign the intermediate")?;

    Ok(format!("{}{}", key.serialize_pem(), pem(certificate.der())))
}

/// The new root's name and key, signed by the root before.
fn cross_sign(
    name: &str,
    key: &KeyPair,
    previous: &CertificateDer<'_>,
    previous_key: KeyPair,
    now: Timestamp,
) -> anyhow::Result<CertificateDer<'static>> {
    let (_, previous_ends) = validity(previous)?;
    let by = Issuer::from_ca_cert_der(previous, previous_key).context("read the root before")?;
    let params = authority_params(name, 1, now, previous_ends)?;

    Ok(params.signed_by(key, &by).context("sign the new root with the one before")?.der().clone())
}

fn root_key(folder: &Folder, file: Option<&Path>) -> anyhow::Result<KeyPair> {
    let key = match (file, &folder.root_key) {
        (Some(file), _) => read_key(file)?,
        (None, Some(key)) => KeyPair::from_pem(&key.serialize_pem()).context("read a key again")?,
        (None, None) => bail!("the root's key is not in the collector: give it with --root-key FILE"),
    };
    ensure!(fits(&folder.root, &key)?, "the key is not the one of this root");

    Ok(key)
}

/// Whether a certificate is for this key.
fn fits(certificate: &CertificateDer<'_>, key: &KeyPair) -> anyhow::Result<bool> {
    let key_der = rustls_pki_types::PrivateKeyDer::try_from(key.serialize_der())
        .map_err(|error| anyhow::anyhow!("use a key: {error}"))?;
    let provider = rustls::crypto::aws_lc_rs::default_provider();

    Ok(rustls::sign::CertifiedKey::from_der(vec![certificate.clone().into_owned()], key_der, &provider)
        .is_ok())
}

fn pem(certificate: &CertificateDer<'_>) -> String {
    let text = BASE64.encode(certificate);
    let lines: Vec<&str> =
        text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap_or_default()).collect();

    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
}
