//! Readers of feeds: `fn read(.., &mut dyn FnMut(Row)) -> Result<Summary, FeedError>`, one file each.
