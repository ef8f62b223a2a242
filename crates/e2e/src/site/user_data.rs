//! What a host does at its first boot.
