//! A security descriptor in one form: who owns it and who may do what, without the places and the slack that two equal
//! ones may differ in.

use super::bytes::{length_at, u16_at};
use super::sid;

/// Most that is read of one; Windows keeps an access list below 64 KiB.
pub const BYTES_MAX: usize = 160 * 1024;

/// The access list is present, and none at all lets everybody in.
const DACL_PRESENT: u16 = 0x0004;
/// Nothing is inherited from above.
const DACL_PROTECTED: u16 = 0x1000;

/// The owner's SID in a self-relative descriptor.
#[must_use]
pub fn owner(bytes: &[u8]) -> Option<&[u8]> {
    sid_at(bytes, 4)
}

fn sid_at(bytes: &[u8], field: usize) -> Option<&[u8]> {
    let at = length_at(bytes, field).filter(|at| *at != 0)?;

    sid::exact(bytes.get(at..)?)
}

/// The form that is hashed: owner, group, whether inheritance is cut off, and each entry of the access list in its
/// order, which counts. `None` if these bytes are no self-relative descriptor.
#[must_use]
pub fn canonical(bytes: &[u8]) -> Option<Vec<u8>> {
    let control = u16_at(bytes, 2)?;
    let mut form = vec![1];
    for field in [4, 8] {
        let sid = sid_at(bytes, field).unwrap_or_default();
        form.push(u8::try_from(sid.len()).ok()?);
        form.extend_from_slice(sid);
    }
    form.push(u8::from(control & DACL_PROTECTED != 0));
    let at = length_at(bytes, 16)?;
    if control & DACL_PRESENT == 0 || at == 0 {
        form.push(0);
        return Some(form);
    }
    form.push(1);
    let list = bytes.get(at..)?;
    let count = u16_at(list, 4)?;
    let mut entry_at = 8_usize;
    for _ in 0..count {
        let size = usize::from(u16_at(list, entry_at.checked_add(2)?)?);
        if size < 4 {
            return None;
        }
        form.extend_from_slice(list.get(entry_at..entry_at.checked_add(size)?)?);
        entry_at += size;
    }

    Some(form)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SYSTEM: [u8; 12] = [1, 1, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0];

    fn ace(mask: u32) -> Vec<u8> {
        let mut bytes = vec![0, 0, 20, 0];
        bytes.extend(mask.to_le_bytes());
        bytes.extend(SYSTEM);
        bytes
    }

    /// Owner at the end or behind the header, and so much slack in the list.
    fn descriptor(masks: &[u32], slack: usize, owner_last: bool, control: u16) -> Vec<u8> {
        let mut list = vec![2, 0];
        let entries: Vec<u8> = masks.iter().flat_map(|mask| ace(*mask)).collect();
        list.extend(u16::try_from(8 + entries.len() + slack).unwrap().to_le_bytes());
        list.extend(u16::try_from(masks.len()).unwrap().to_le_bytes());
        list.extend([0, 0]);
        list.extend(entries);
        list.extend(vec![0xAA; slack]);
        let (owner_at, list_at) = if owner_last { (20 + list.len(), 20) } else { (20, 32) };
        let mut bytes = vec![1, 0];
        bytes.extend((0x8000 | control).to_le_bytes());
        for at in [owner_at, 0, 0, list_at] {
            bytes.extend(u32::try_from(at).unwrap().to_le_bytes());
        }
        if owner_last {
            bytes.extend(list);
            bytes.extend(SYSTEM);
        } else {
            bytes.extend(SYSTEM);
            bytes.extend(list);
        }
        bytes
    }

    #[test]
    fn places_and_slack_make_no_difference() {
        let one = descriptor(&[1, 2], 0, false, DACL_PRESENT);
        let other = descriptor(&[1, 2], 8, true, DACL_PRESENT);

        assert_ne!(one, other);
        assert_eq!(canonical(&one).unwrap(), canonical(&other).unwrap());
        assert_eq!(owner(&other), Some(SYSTEM.as_slice()));
    }

    #[test]
    fn rights_their_order_inheritance_and_no_list_at_all_make_a_difference() {
        let of = |masks: &[u32], control| canonical(&descriptor(masks, 0, false, control)).unwrap();
        let forms = [
            of(&[1, 2], DACL_PRESENT),
            of(&[2, 1], DACL_PRESENT),
            of(&[1], DACL_PRESENT),
            of(&[], DACL_PRESENT),
            of(&[1, 2], DACL_PRESENT | DACL_PROTECTED),
            of(&[1, 2], 0),
        ];

        let distinct: std::collections::BTreeSet<_> = forms.iter().collect();
        assert_eq!(distinct.len(), forms.len());
    }

    #[test]
    fn what_is_cut_off_has_no_form() {
        let whole = descriptor(&[1, 2], 0, false, DACL_PRESENT);

        assert!((0..whole.len()).all(|length| canonical(&whole[..length]).is_none()));
    }
}
