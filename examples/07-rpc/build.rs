//! Generates the code for gRPC; protox reads the file, so that nobody needs `protoc`.

use std::{env, error::Error, fs, path::Path};

use protox::prost::Message as _;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=proto");
    let files = protox::compile(["users.proto"], ["proto"])?;
    // For reflection, by which clients ask what there is.
    let descriptors = Path::new(&env::var("OUT_DIR")?).join("users.bin");
    fs::write(descriptors, files.encode_to_vec())?;
    tonic_prost_build::configure().build_transport(false).compile_fds(files)?;
    Ok(())
}
