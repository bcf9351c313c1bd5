//! The header: which passphrase opens what, torn copies, and the change of a passphrase cut off anywhere.

use super::rng;
use crate::disk::simulated::{Plan, SimulatedDisk};
use crate::disk::{File, Profile};
use crate::header::{ChangeError, Copies, HEADER_LENGTH, Header, UnlockError, Unlocked};
use crate::kdf::KdfParams;
use crate::passphrase::Passphrase;
use crate::seal::Key;

fn phrase(text: &str) -> Passphrase {
    Passphrase::of(text).unwrap()
}

fn new_header() -> (SimulatedDisk, Key) {
    let disk = SimulatedDisk::default();
    let master = Key::random().unwrap();
    let header =
        Header::create(KdfParams::weak_for_tests(), &phrase("right"), Profile::FIRST, &master).unwrap();
    header.write_new(&disk).unwrap();
    (disk, master)
}

fn unlock(disk: &SimulatedDisk, text: &str) -> Result<Unlocked, UnlockError> {
    Copies::read(disk).unlock(disk, &phrase(text))
}

fn opens(disk: &SimulatedDisk, text: &str, master: &Key) -> bool {
    unlock(disk, text).is_ok_and(|unlocked| unlocked.master.expose() == master.expose())
}

fn change(disk: &SimulatedDisk, from: &str, to: &str) -> Result<(), ChangeError> {
    let mut copies = Copies::read(disk);
    let unlocked = copies.unlock(disk, &phrase(from)).unwrap();
    copies.change(disk, &unlocked, &phrase(to))
}

fn copies_agree(disk: &SimulatedDisk) -> bool {
    disk.bytes(File::HeaderA) == disk.bytes(File::HeaderB)
}

/// Adds a slot of the second profile.
fn add_second(disk: &SimulatedDisk) -> Key {
    let master = Key::random().unwrap();
    let mut copies = Copies::read(disk);
    let first = copies.unlock(disk, &phrase("right")).unwrap();
    let second = Unlocked { profile: Profile::SECOND, master: master.clone(), slot: (first.slot + 1) % 8 };
    copies.change(disk, &second, &phrase("second")).unwrap();
    master
}

#[test]
fn a_passphrase_gives_its_profile_and_master_key() {
    let (disk, master) = new_header();
    let second = add_second(&disk);
    let unlocked = unlock(&disk, "right").unwrap();
    assert_eq!((unlocked.profile, unlocked.master.expose()), (Profile::FIRST, master.expose()));
    let unlocked = unlock(&disk, "second").unwrap();
    assert_eq!((unlocked.profile, unlocked.master.expose()), (Profile::SECOND, second.expose()));
    assert!(copies_agree(&disk));
}

#[test]
fn wrong_passphrase_empty_slots_damage_and_loss_look_alike() {
    let damage: [fn(&SimulatedDisk); 5] = [
        |_| {},
        |disk| COPIES.iter().for_each(|copy| disk.damage(*copy, |bytes| bytes[64..1088].fill(0))),
        |disk| COPIES.iter().for_each(|copy| disk.damage(*copy, |bytes| bytes[5] ^= 1)),
        |disk| COPIES.iter().for_each(|copy| disk.damage(*copy, |bytes| bytes.truncate(4000))),
        |disk| COPIES.iter().for_each(|copy| disk.lose(*copy)),
    ];
    // The last two have no salt left and run with the default cost, which takes a second.
    for (case, damage) in damage.into_iter().enumerate() {
        let (disk, _) = new_header();
        damage(&disk);
        let text = if case == 0 { "wrong" } else { "right" };
        let error = crate::OpenError::from(unlock(&disk, text).unwrap_err());
        assert_eq!(format!("{error:?}"), "DoesNotOpen");
        assert!(
            error
                .to_string()
                .starts_with("this passphrase does not open this vault, or its header is damaged")
        );
    }
}

const COPIES: [File; 2] = [File::HeaderA, File::HeaderB];

#[test]
fn a_torn_or_lost_copy_is_repaired_from_its_twin() {
    for torn in COPIES {
        for sector in 0..3 {
            let (disk, master) = new_header();
            disk.damage(torn, |bytes| rand::Rng::fill_bytes(&mut rng(1), &mut bytes[sector * 512..][..512]));
            assert!(opens(&disk, "right", &master));
            let other = if torn == File::HeaderA { File::HeaderB } else { File::HeaderA };
            disk.lose(other);
            assert!(opens(&disk, "right", &master), "{torn:?}, sector {sector}: not repaired");
        }
        let (disk, master) = new_header();
        disk.lose(torn);
        assert!(opens(&disk, "right", &master));
        assert!(copies_agree(&disk));
    }
}

#[test]
fn repairing_one_slot_does_not_carry_damage_of_another_over() {
    let (disk, first) = new_header();
    let second = add_second(&disk);
    let slot = unlock(&disk, "second").unwrap().slot;
    disk.damage(File::HeaderA, |bytes| bytes[64 + slot * 128 + 60] ^= 1);
    assert!(opens(&disk, "right", &first));
    assert!(!copies_agree(&disk));
    assert!(opens(&disk, "second", &second));
    assert!(copies_agree(&disk));
}

#[test]
fn a_changed_passphrase_replaces_the_old_one_in_both_copies() {
    let (disk, first) = new_header();
    let second = add_second(&disk);
    change(&disk, "right", "new").unwrap();
    for lost in COPIES {
        let disk = disk.copy();
        disk.lose(lost);
        assert!(opens(&disk, "new", &first) && !opens(&disk, "right", &first));
        assert!(opens(&disk, "second", &second));
    }
}

#[test]
fn a_change_cut_off_anywhere_leaves_a_passphrase_that_opens() {
    let (disk, first) = new_header();
    let second = add_second(&disk);
    let whole = disk.copy();
    whole.plan(Plan::Well);
    change(&whole, "right", "new").unwrap();
    let (mut old, mut new) = (0, 0);
    for at in 0..whole.operations() {
        for seed in 0..4 {
            let disk = disk.copy();
            let mut copies = Copies::read(&disk);
            let unlocked = copies.unlock(&disk, &phrase("right")).unwrap();
            disk.plan(Plan::PowerCutAt(at));
            let changed = copies.change(&disk, &unlocked, &phrase("new"));
            disk.cut_power(&mut rng(seed));
            // First asks the new one, then the old one, which a completed change must not leave.
            let opens_new = opens(&disk.copy(), "new", &first);
            let opens_old = opens(&disk.copy(), "right", &first);
            assert!(opens_new || opens_old, "operation {at}, seed {seed}");
            assert!(changed.is_err() || (opens_new && !opens_old));
            assert!(opens(&disk, "second", &second));
            old += u32::from(opens_old);
            new += u32::from(opens_new);
        }
    }
    assert!(old > 0 && new > 0);
}

#[test]
fn a_failed_change_says_whether_the_new_passphrase_holds() {
    let (disk, first) = new_header();
    for at in 0.. {
        let disk = disk.copy();
        let mut copies = Copies::read(&disk);
        let unlocked = copies.unlock(&disk, &phrase("right")).unwrap();
        disk.plan(Plan::FailAt(at));
        let changed = copies.change(&disk, &unlocked, &phrase("new"));
        if disk.operations() <= at {
            assert!(changed.is_ok());
            break;
        }
        disk.plan(Plan::Well);
        let Err(ChangeError::Disk { begun, .. }) = changed else { panic!("{changed:?}") };
        assert!(!begun || opens(&disk.copy(), "new", &first));
        assert!(begun || opens(&disk.copy(), "right", &first) || opens(&disk.copy(), "new", &first));
    }
}

#[test]
fn a_vault_is_not_there_until_its_header_is_whole() {
    let master = Key::random().unwrap();
    let header =
        Header::create(KdfParams::weak_for_tests(), &phrase("right"), Profile::FIRST, &master).unwrap();
    let mut seen = [0; 2];
    for at in 0..8 {
        let disk = SimulatedDisk::default();
        disk.plan(Plan::PowerCutAt(at));
        let _ = header.write_new(&disk);
        disk.cut_power(&mut rng(at));
        let exists = Copies::exist(&disk).unwrap();
        assert!(!exists || opens(&disk, "right", &master));
        seen[usize::from(exists)] += 1;
    }
    assert!(seen[0] > 0 && seen[1] > 0);
}

#[test]
fn a_header_that_cannot_be_read_now_is_no_wrong_passphrase() {
    let (disk, master) = new_header();
    disk.plan(Plan::FailAt(0));
    assert!(opens(&disk, "right", &master), "the other copy opens");
    disk.plan(Plan::FailAt(1));
    assert!(matches!(unlock(&disk, "wrong"), Err(UnlockError::Disk(_))));
}

#[test]
fn a_slot_of_a_later_version_is_told() {
    let (disk, master) = new_header();
    let mut copies = Copies::read(&disk);
    let unlocked = copies.unlock(&disk, &phrase("right")).unwrap();
    copies.change_version_for_tests(&disk, &unlocked, &phrase("right"), 2).unwrap();
    assert!(matches!(unlock(&disk, "right"), Err(UnlockError::Newer)));
    assert!(!opens(&disk, "right", &master));
}

#[test]
fn two_headers_share_nothing_but_the_parameters() {
    let (one, _) = new_header();
    let (other, _) = new_header();
    let (one, other) = (one.bytes(File::HeaderA), other.bytes(File::HeaderA));
    assert_eq!(one.len(), HEADER_LENGTH);
    assert_eq!(one[32..44], other[32..44]);
    let same = (0..HEADER_LENGTH).filter(|at| one[*at] == other[*at]).count() - 12;
    assert!(same < 60, "{same} bytes are the same; chance makes it about 16");
    for header in [&one, &other] {
        let mut counts = [0_u32; 256];
        header.iter().for_each(|byte| counts[usize::from(*byte)] += 1);
        assert!(counts[1..].iter().all(|count| *count < 50));
    }
}
