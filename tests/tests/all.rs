//! Everything that needs more than one crate, in one program: it links once.

mod all {
    mod tidy;
}
