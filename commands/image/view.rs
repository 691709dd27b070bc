//! The printed form of an image.

use eklavya_sandbox::docker::StoredImage;
use jiff::Timestamp;
use serde::Serialize;

use crate::output::{TableRow, time};

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ImageView {
    id: String,
    names: Vec<String>,
    /// `shell` or `bare`: for roles with and without a terminal.
    variant: String,
    /// The version of eklavya, and a digest of the executable that the image was built from.
    built_by: String,
    /// Whether this version uses the image.
    current: bool,
    /// Whether a container uses the image.
    used: bool,
    size_bytes: u64,
    created_at: Option<Timestamp>,
}

impl From<StoredImage> for ImageView {
    fn from(image: StoredImage) -> Self {
        Self {
            id: image.id,
            names: image.names,
            variant: image.variant,
            built_by: image.origin,
            current: image.is_current,
            used: image.is_used,
            size_bytes: image.size,
            created_at: Timestamp::from_second(image.created).ok(),
        }
    }
}

impl TableRow for ImageView {
    const COLUMNS: &'static [&'static str] = &[
        "image", "id", "built by", "current", "used", "size", "created",
    ];

    fn cells(&self) -> Vec<String> {
        let yes_or_no = |value: bool| if value { "yes" } else { "no" }.to_owned();
        let short = self.id.strip_prefix("sha256:").unwrap_or(&self.id);
        vec![
            if self.names.is_empty() {
                format!("({})", self.variant)
            } else {
                self.names.join(", ")
            },
            short.chars().take(12).collect(),
            self.built_by.clone(),
            yes_or_no(self.current),
            yes_or_no(self.used),
            format!("{} MiB", self.size_bytes >> 20),
            self.created_at
                .map(time::format_timestamp)
                .unwrap_or_default(),
        ]
    }
}
