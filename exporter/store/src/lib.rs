//! The sample lines of many objects, by family, compressed.
//!
//! A Kubernetes object comes as lines of up to sixty families and stays for hours, while a scrape wants
//! each family of all objects in one stretch. So objects stand in **racks** of [`PLACES`] places,
//! and a rack has one [`Page`](exposition::Page) for each family with the lines of its objects, in
//! the order of their places. What is kept of an object besides is eight bytes a family, length and hash of its
//! lines: an object that comes again with one changed line touches one page.
//!
//! Changed lines wait uncompressed until [`Store::publish`], or until there are so many of them that
//! their pages are made before. A page that is made again is a new one; who holds the old one, such
//! as a scrape that is being sent, keeps it. Between [`Store::begin_relist`] and
//! [`Store::end_relist`] nothing is published: a scrape sees the old set or the new.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod cell;
mod rack;
mod store;

pub use rack::{PLACES, Press};
pub use store::{Lines, Snapshot, Store};
