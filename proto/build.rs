//! Generates the wire types and service stubs from the `.proto` files with `protoc`.

use std::path::PathBuf;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    let ours = ["media", "fleet", "jobs"].map(|name| format!("cleanplate/v1/{name}.proto"));
    let scaler = "externalscaler/externalscaler.proto".to_owned();
    let files: Vec<String> = ours.into_iter().chain([scaler]).collect();
    tonic_prost_build::configure()
        .file_descriptor_set_path(out.join("descriptors.bin"))
        .compile_protos(&files, &[".".to_owned()])?;
    Ok(())
}
