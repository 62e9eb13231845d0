//! Objects packed in every way that Firehose and people pack them, by other libraries: the lake is the same as of plain ones.

use serde_json::json;

use crate::dump;
use crate::program::{import, import_ending, scratch};
use crate::tools::{python, run_python};

#[test]
fn every_packing_gives_the_same_lake() {
    let Some(python) = python() else { return };
    let (dump, folder) = (dump::small(), scratch());
    let plain = folder.path().join("plain");
    import(&dump.path, &plain);
    let digest = |lake: &std::path::Path| run_python(&python, "digest.py", [lake]);
    let expected = digest(&plain);
    assert!(expected.as_object().unwrap().len() >= 8, "{expected}");
    for packing in ["zstd", "zip", "snappy", "raw-snappy", "hadoop-snappy", "parquet"] {
        let (packed, lake) = (folder.path().join(packing), folder.path().join(format!("{packing}-lake")));
        let arguments = [dump.path.as_os_str(), packed.as_os_str(), packing.as_ref()];
        let objects = run_python(&python, "pack.py", arguments)["objects"].clone();
        let summary = import(&packed, &lake);
        assert_eq!(
            summary["objects"],
            json!({"listed": objects, "imported": objects, "skipped": 0, "failed": 0}),
            "{packing}"
        );
        assert_eq!(summary["records"]["quarantined"], 0, "{packing}");
        assert_eq!(digest(&lake), expected, "{packing}");
        // And once more, beside the plain ones: nothing counts twice.
        assert_eq!(import(&packed, &plain)["rows"], 0, "{packing}");
    }
}

#[test]
fn what_is_not_read_is_kept_and_said() {
    let folder = scratch();
    let dump = folder.path().join("dump");
    std::fs::create_dir(&dump).unwrap();
    std::fs::write(dump.join("stream-1-2026-10-31-00-00-00-a.orc"), b"ORC\x08\x03\x10\x01").unwrap();
    let lake = folder.path().join("lake");
    let summary = import_ending(&dump, &lake, 3);
    assert_eq!(summary["records"]["quarantined"], 1);
    let list = crate::program::ask(&lake, "quarantine list");
    let text = list.to_string();
    assert!(text.contains("unsupported_compression") && text.contains("write Parquet"), "{text}");
}
