//! Instances, images, databases, the maintenance page and the account, through the engine's ports: on a furnished moto
//! (`on_moto`), and with answers of AWS that moto never gives (`answers`, `inventory`).

mod answers;
mod calls;
mod inventory;
mod on_moto;
