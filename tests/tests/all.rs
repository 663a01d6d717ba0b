//! Everything that needs more than one crate, in one program: it links once.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod all {
    mod apart;
    mod binaries;
    mod certificates;
    mod fallback;
    mod faults;
    mod full_disk;
    mod fuzz;
    mod identity;
    mod month;
    mod records;
    mod simulation;
    mod tidy;
    mod upgrades;
    mod windows;
    mod windows_service;
    mod windows_upgrade;
}
