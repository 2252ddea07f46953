//! An `Address` from any text is of the kind that it looks like, and comes back the same.

use std::{net::SocketAddr, path::PathBuf};

use misc_core::Address;

pub(super) fn run(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else {
        return;
    };
    let address = Address::from(text);
    is_what_the_text_says(&address, text);
    comes_back(&address);
}

fn is_what_the_text_says(address: &Address, text: &str) {
    assert_eq!(address.ip(), text.parse::<SocketAddr>().ok());
    let path = text.strip_prefix("unix:").filter(|name| !name.starts_with('@'));
    assert_eq!(address.unix_path(), path.map(PathBuf::from));
    // An IP address has one spelling of its own; anything else is left as it was written.
    if address.ip().is_none() {
        assert_eq!(address.to_string(), text);
    }
}

fn comes_back(address: &Address) {
    assert_eq!(Address::from(address.to_string()), *address);
    let json = serde_json::to_string(address).expect("an address serialises");
    assert_eq!(serde_json::from_str::<Address>(&json).expect("an address deserialises"), *address);
    if let Some(ip) = address.ip() {
        assert_eq!(Address::from(ip), *address);
    }
}
