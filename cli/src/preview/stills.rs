//! The files of a preview: fetched from a coordinator, checked, written into a folder.
//!
//! Refuses names that would leave the folder: what comes from a store is not trusted.

use std::fs;
use std::path::{Path, PathBuf};

use cleanplate_proto::v1::PreviewRequest;
use cleanplate_store::{decode_object, kinds};
use cleanplate_types::preview::Preview;

use crate::client::Client;
use crate::exit::Refusal;
use crate::whole;

/// The most bytes of a preview that are taken: some hundred stills of 4K.
const BYTES_MAX: usize = 512 << 20;

/// A preview, complete and with names that may be written.
#[derive(Debug)]
pub(super) struct Stills(Preview);

impl Stills {
    /// Fetches the preview of `job`.
    ///
    /// # Errors
    /// A refusal where the job has none, or it is not what a preview should be.
    pub(super) async fn fetch(client: &Client, job: &str) -> Result<Self, Refusal> {
        let request = PreviewRequest { job: job.to_owned() };
        let reply = client.jobs.clone().preview(request).await;
        let mut pieces = reply.map_err(|reply| client.refusal(&reply))?.into_inner();
        let mut object = Vec::new();
        while let Some(piece) = pieces.message().await.map_err(|reply| client.refusal(&reply))? {
            object.extend_from_slice(&piece.bytes);
            if object.len() > BYTES_MAX {
                return Err(Refusal::failed(format!(
                    "the preview of job {job} is larger than {} MiB",
                    BYTES_MAX >> 20
                )));
            }
        }
        let preview = decode_object(kinds::PREVIEW, &object).map_err(|error| {
            Refusal::failed(format!("the preview of job {job} cannot be read: {error}"))
        })?;
        Self::checked(preview)
    }

    fn checked(preview: Preview) -> Result<Self, Refusal> {
        match preview.files.iter().find(|file| !file.is_well_named()) {
            Some(file) => Err(Refusal::failed(format!(
                "the preview has a file of the name {:?}, which may not be written; nothing was written",
                file.name
            ))),
            None => Ok(Self(preview)),
        }
    }

    /// Writes the files into `folder`, which is made where it is not there; returns their paths in the order
    /// in which a person would look at them.
    ///
    /// # Errors
    /// A refusal names the file that cannot be written.
    pub(super) fn write(&self, folder: &Path) -> Result<Vec<PathBuf>, Refusal> {
        fs::create_dir_all(folder).map_err(|error| {
            Refusal::failed(format!("the folder {} cannot be made: {error}", folder.display()))
        })?;
        let write = |file: &cleanplate_types::preview::PreviewFile| {
            let path = folder.join(&file.name);
            whole::write(&path, &file.bytes).map_err(|error| {
                Refusal::failed(format!("{} cannot be written: {error}", path.display()))
            })?;
            Ok(path)
        };
        self.0.files.iter().map(write).collect()
    }
}

#[cfg(test)]
mod tests {
    use cleanplate_types::preview::PreviewFile;

    use super::*;

    fn preview(names: &[&str]) -> Preview {
        let file = |name: &&str| PreviewFile { name: (*name).to_owned(), bytes: b"x".to_vec() };
        Preview { files: names.iter().map(file).collect() }
    }

    #[test]
    fn files_are_written_into_a_new_folder_in_their_order() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("new/stills");
        let names = ["b.png", "a.png"];
        let files = Stills::checked(preview(&names)).unwrap().write(&folder).unwrap();
        assert_eq!(files, names.map(|name| folder.join(name)));
        assert_eq!(fs::read(&files[0]).unwrap(), b"x");
    }

    #[test]
    fn a_name_that_leaves_the_folder_is_refused_before_anything_is_written() {
        for name in ["../a.png", "/etc/passwd", ".hidden", ""] {
            let refusal = Stills::checked(preview(&["fine.png", name])).unwrap_err();
            assert!(refusal.message.contains("nothing was written"), "{}", refusal.message);
        }
    }
}
