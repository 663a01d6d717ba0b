//! The bytes of one block: entries in key order, each written as its difference to the one before. Pure.
//!
//! ```text
//! block  := CRC-32 of the rest (4 bytes, little endian) | entry...
//! entry  := flags | shared | length | the key's other bytes | size | inode | modified
//!         | changed, or changed as told and as compared | [modified as told] | [mode owner group]
//!         | [digest] | [attributes] | [length | target]
//! flags  := kind (2 bits) | digest | attributes | target | rights as before | changed told apart | modified told apart
//! ```
//! Numbers are LEB128, signed ones zigzag; `shared` counts the bytes of the key before that begin this one. Inode and
//! times are differences too: what was installed together lies together. Owner and group are numbers of names.

use vonggac_protocol::file::FileKind;

use super::super::compare::{Mark, moment};

/// A block fits one page of the database (4,096 bytes less what the page itself needs), so that it is read and written
/// whole. A single entry may be longer than that; it gets a block of its own.
pub(super) const BODY_BYTES: usize = 4_050;

const CHECKSUM_BYTES: usize = 4;

const SECOND: i64 = 1_000_000_000;

const DIGEST: u8 = 1 << 2;
const ATTRIBUTES: u8 = 1 << 3;
const TARGET: u8 = 1 << 4;
const RIGHTS_AS_BEFORE: u8 = 1 << 5;
const CHANGED_APART: u8 = 1 << 6;
const MODIFIED_APART: u8 = 1 << 7;

/// These bytes are no block.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a block of the baseline is damaged")]
pub(super) struct Damaged;

/// Who may do what with it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Rights {
    pub(super) mode: u32,
    pub(super) owner: u32,
    pub(super) group: u32,
}

/// What is kept of one path, beside its key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Fields<'a> {
    pub(super) kind: FileKind,
    pub(super) size: u64,
    pub(super) mark: Mark,
    /// Milliseconds, as told.
    pub(super) modified: i64,
    /// Milliseconds, as told.
    pub(super) changed: i64,
    pub(super) rights: Rights,
    pub(super) digest: Option<&'a [u8; 32]>,
    pub(super) attributes: Option<&'a [u8; 32]>,
    pub(super) target: Option<&'a str>,
}

/// What the next entry is a difference to.
#[derive(Clone, Copy, Debug, Default)]
struct Before {
    inode: u64,
    modified_s: i64,
    changed_ns: i64,
    rights: Rights,
}

/// A place in a block; the bytes are passed in, so that whoever reads may own them.
#[derive(Debug)]
pub(super) struct Place {
    at: usize,
    key: Vec<u8>,
    before: Before,
}

impl Place {
    pub(super) fn new() -> Self {
        Self { at: CHECKSUM_BYTES, key: Vec::new(), before: Before::default() }
    }

    /// To the beginning, for another block.
    pub(super) fn rewind(&mut self) {
        self.at = CHECKSUM_BYTES;
        self.key.clear();
        self.before = Before::default();
    }

    /// The key of the entry read last.
    pub(super) fn key(&self) -> &[u8] {
        &self.key
    }

    /// Reads the next entry.
    pub(super) fn next<'a>(&mut self, body: &'a [u8]) -> Result<Option<Fields<'a>>, Damaged> {
        let mut rest = Rest(body.get(self.at..).ok_or(Damaged)?);
        if rest.0.is_empty() {
            return Ok(None);
        }
        let flags = rest.byte()?;
        self.read_key(&mut rest)?;
        let before = &mut self.before;
        let size = rest.number()?;
        before.inode = before.inode.wrapping_add_signed(rest.signed()?);
        let modified_ns = rest.modified(before)?;
        let (changed_ns, changed) = rest.changed(before, flags & CHANGED_APART != 0)?;
        let modified = if flags & MODIFIED_APART == 0 { moment(modified_ns).0 } else { rest.signed()? };
        if flags & RIGHTS_AS_BEFORE == 0 {
            before.rights = Rights {
                mode: rest.small_number()?,
                owner: rest.small_number()?,
                group: rest.small_number()?,
            };
        }
        let fields = Fields {
            kind: kind(flags),
            size,
            mark: Mark { modified_ns, changed_ns, inode: before.inode },
            modified,
            changed,
            rights: before.rights,
            digest: rest.digest(flags & DIGEST != 0)?,
            attributes: rest.digest(flags & ATTRIBUTES != 0)?,
            target: rest.target(flags & TARGET != 0)?,
        };
        self.at = body.len() - rest.0.len();

        Ok(Some(fields))
    }

    /// Keys rise; the first of a block shares nothing.
    fn read_key(&mut self, rest: &mut Rest<'_>) -> Result<(), Damaged> {
        let shared = rest.length()?;
        let length = rest.length()?;
        let other = rest.take(length)?;
        let replaced = self.key.get(shared..).ok_or(Damaged)?;
        if self.at > CHECKSUM_BYTES && other <= replaced {
            return Err(Damaged);
        }
        self.key.truncate(shared);
        self.key.extend_from_slice(other);

        Ok(())
    }
}

/// Whether these bytes are what was once written.
pub(super) fn check(body: &[u8]) -> Result<(), Damaged> {
    let (checksum, rest) = body.split_first_chunk::<CHECKSUM_BYTES>().ok_or(Damaged)?;
    if rest.is_empty() || u32::from_le_bytes(*checksum) != crc32fast::hash(rest) {
        return Err(Damaged);
    }

    Ok(())
}

/// Bytes not yet read.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    #[inline]
    fn byte(&mut self) -> Result<u8, Damaged> {
        let (&byte, rest) = self.0.split_first().ok_or(Damaged)?;
        self.0 = rest;

        Ok(byte)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], Damaged> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Damaged)?;
        self.0 = rest;

        Ok(taken)
    }

    #[inline]
    fn number(&mut self) -> Result<u64, Damaged> {
        let first = self.byte()?;
        let mut value = u64::from(first & 0x7f);
        if first < 0x80 {
            return Ok(value);
        }
        for shift in (7..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return Err(Damaged);
            }
            value |= bits << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }

        Err(Damaged)
    }

    fn length(&mut self) -> Result<usize, Damaged> {
        usize::try_from(self.number()?).map_err(|_| Damaged)
    }

    fn small_number(&mut self) -> Result<u32, Damaged> {
        u32::try_from(self.number()?).map_err(|_| Damaged)
    }

    #[inline]
    fn signed(&mut self) -> Result<i64, Damaged> {
        Ok(unzigzag(self.number()?))
    }

    fn modified(&mut self, before: &mut Before) -> Result<i64, Damaged> {
        let packed = self.number()?;
        before.modified_s = before.modified_s.wrapping_add(unzigzag(packed >> 1));
        let nanoseconds = if packed & 1 == 0 { 0 } else { i64::from(self.small_number()?) };
        if nanoseconds >= SECOND {
            return Err(Damaged);
        }

        Ok(before.modified_s.wrapping_mul(SECOND).wrapping_add(nanoseconds))
    }

    /// As compared, and as told.
    fn changed(&mut self, before: &mut Before, is_apart: bool) -> Result<(i64, i64), Damaged> {
        if is_apart {
            let changed = moment(before.changed_ns).0.wrapping_add(self.signed()?);
            let changed_ns = i64::MIN.wrapping_add(self.signed()?);
            return Ok((changed_ns, changed));
        }
        before.changed_ns = before.changed_ns.wrapping_add(self.signed()?);

        Ok((before.changed_ns, moment(before.changed_ns).0))
    }

    #[inline]
    fn digest(&mut self, is_there: bool) -> Result<Option<&'a [u8; 32]>, Damaged> {
        if !is_there {
            return Ok(None);
        }
        let (digest, rest) = self.0.split_first_chunk::<32>().ok_or(Damaged)?;
        self.0 = rest;

        Ok(Some(digest))
    }

    #[inline]
    fn target(&mut self, is_there: bool) -> Result<Option<&'a str>, Damaged> {
        if !is_there {
            return Ok(None);
        }
        let length = self.length()?;

        std::str::from_utf8(self.take(length)?).map(Some).map_err(|_| Damaged)
    }
}

/// A finished block.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Packed {
    /// Its first key.
    pub(super) first: Vec<u8>,
    pub(super) body: Vec<u8>,
}

/// Packs entries, given in key order, into blocks of at most so many bytes.
#[derive(Debug)]
pub(super) struct Packer {
    limit: usize,
    done: Vec<Packed>,
    first: Vec<u8>,
    last: Vec<u8>,
    body: Vec<u8>,
    before: Before,
}

impl Packer {
    pub(super) fn new(limit: usize) -> Self {
        let (done, first, last) = (Vec::new(), Vec::new(), Vec::new());

        Self { limit, done, first, last, body: Vec::new(), before: Before::default() }
    }

    pub(super) fn push(&mut self, key: &[u8], fields: &Fields<'_>) {
        if !self.body.is_empty() {
            let (length, before) = (self.body.len(), self.before);
            self.append(key, fields);
            if self.body.len() <= self.limit {
                return;
            }
            self.body.truncate(length);
            self.before = before;
            self.close();
        }
        self.body.extend_from_slice(&[0; CHECKSUM_BYTES]);
        self.first.extend_from_slice(key);
        self.append(key, fields);
    }

    /// The key pushed last.
    pub(super) fn last(&self) -> &[u8] {
        &self.last
    }

    pub(super) fn finish(mut self) -> Vec<Packed> {
        if !self.body.is_empty() {
            self.close();
        }

        self.done
    }

    fn close(&mut self) {
        let mut body = std::mem::replace(&mut self.body, Vec::with_capacity(BODY_BYTES));
        seal(&mut body);
        self.done.push(Packed { first: std::mem::take(&mut self.first), body });
        self.last.clear();
        self.before = Before::default();
    }

    fn append(&mut self, key: &[u8], fields: &Fields<'_>) {
        let (before, body) = (&mut self.before, &mut self.body);
        let mark = fields.mark;
        let has = |there: bool, flag: u8| if there { flag } else { 0 };
        let changed_apart = moment(mark.changed_ns).0 != fields.changed || mark.changed_ns == i64::MIN;
        let modified_apart = moment(mark.modified_ns).0 != fields.modified;
        let rights_as_before = fields.rights == before.rights;
        body.push(
            kind_bits(fields.kind)
                | has(fields.digest.is_some(), DIGEST)
                | has(fields.attributes.is_some(), ATTRIBUTES)
                | has(fields.target.is_some(), TARGET)
                | has(rights_as_before, RIGHTS_AS_BEFORE)
                | has(changed_apart, CHANGED_APART)
                | has(modified_apart, MODIFIED_APART),
        );
        let shared = self.last.iter().zip(key).take_while(|(a, b)| a == b).count();
        put_length(body, shared);
        put_length(body, key.len() - shared);
        body.extend_from_slice(&key[shared..]);
        self.last.truncate(shared);
        self.last.extend_from_slice(&key[shared..]);
        put(body, fields.size);
        put_signed(body, mark.inode.wrapping_sub(before.inode).cast_signed());
        before.inode = mark.inode;
        put_modified(body, before, mark.modified_ns);
        if changed_apart {
            put_signed(body, fields.changed.wrapping_sub(moment(before.changed_ns).0));
            put_signed(body, mark.changed_ns.wrapping_sub(i64::MIN));
        } else {
            put_signed(body, mark.changed_ns.wrapping_sub(before.changed_ns));
            before.changed_ns = mark.changed_ns;
        }
        if modified_apart {
            put_signed(body, fields.modified);
        }
        if !rights_as_before {
            let Rights { mode, owner, group } = fields.rights;
            for number in [mode, owner, group] {
                put(body, u64::from(number));
            }
            before.rights = fields.rights;
        }
        for digest in [fields.digest, fields.attributes].into_iter().flatten() {
            body.extend_from_slice(digest);
        }
        if let Some(target) = fields.target {
            put_length(body, target.len());
            body.extend_from_slice(target.as_bytes());
        }
    }
}

/// Writes the checksum of a body whose first bytes are kept for it.
fn seal(body: &mut [u8]) {
    if let Some((checksum, rest)) = body.split_first_chunk_mut::<CHECKSUM_BYTES>() {
        *checksum = crc32fast::hash(rest).to_le_bytes();
    }
}

fn put(body: &mut Vec<u8>, mut number: u64) {
    loop {
        let bits = u8::try_from(number & 0x7f).unwrap_or(0);
        number >>= 7;
        if number == 0 {
            body.push(bits);
            return;
        }
        body.push(bits | 0x80);
    }
}

fn put_length(body: &mut Vec<u8>, length: usize) {
    put(body, u64::try_from(length).unwrap_or(u64::MAX));
}

fn put_signed(body: &mut Vec<u8>, number: i64) {
    put(body, (number.cast_unsigned() << 1) ^ (number >> 63).cast_unsigned());
}

fn put_modified(body: &mut Vec<u8>, before: &mut Before, modified_ns: i64) {
    let (seconds, nanoseconds) = (modified_ns.div_euclid(SECOND), modified_ns.rem_euclid(SECOND));
    let step = seconds - before.modified_s;
    let zigzag = (step.cast_unsigned() << 1) ^ (step >> 63).cast_unsigned();
    put(body, zigzag << 1 | u64::from(nanoseconds != 0));
    if nanoseconds != 0 {
        put(body, nanoseconds.cast_unsigned());
    }
    before.modified_s = seconds;
}

fn unzigzag(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -(number & 1).cast_signed()
}

fn kind_bits(kind: FileKind) -> u8 {
    match kind {
        FileKind::File => 0,
        FileKind::Directory => 1,
        FileKind::Link => 2,
        FileKind::Other => 3,
    }
}

fn kind(flags: u8) -> FileKind {
    match flags & 3 {
        0 => FileKind::File,
        1 => FileKind::Directory,
        2 => FileKind::Link,
        _ => FileKind::Other,
    }
}

/// Foreign bytes with the checksum of a block, for whoever tests what is made of them.
#[must_use]
pub fn sealed(bytes: &[u8]) -> Vec<u8> {
    let mut body = [&[0; CHECKSUM_BYTES], bytes].concat();
    seal(&mut body);

    body
}

/// Reads a block and writes its entries again as one; `None` if these bytes are no block.
#[must_use]
pub fn reread(body: &[u8]) -> Option<Vec<u8>> {
    check(body).ok()?;
    let (mut place, mut packer) = (Place::new(), Packer::new(usize::MAX));
    while let Some(fields) = place.next(body).ok()? {
        packer.push(place.key(), &fields);
    }

    packer.finish().pop().map(|packed| packed.body)
}
