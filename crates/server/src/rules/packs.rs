//! The rule packs that come with Mainstay: one for each handbook, and one for Mainstay itself.

/// Files that are taken together under one name.
#[derive(Debug, Clone, Copy)]
pub struct Pack {
    pub name: &'static str,
    pub about: &'static str,
    pub files: &'static [PackFile],
}

#[derive(Debug, Clone, Copy)]
pub struct PackFile {
    pub name: &'static str,
    pub text: &'static str,
}

macro_rules! file {
    ($pack:literal, $name:literal) => {
        PackFile {
            name: $name,
            text: include_str!(concat!("../../../../rules/", $pack, "/", $name)),
        }
    };
}

/// In the order in which they are listed.
pub const PACKS: [Pack; 6] = [
    Pack {
        name: "mainstay",
        about: "Mainstay itself: environments, instances, deploys, rules",
        files: &[file!("mainstay", "alerts.yaml")],
    },
    Pack {
        name: "whisper-transcriber",
        about: "recordings worked off as jobs",
        files: &[
            file!("whisper-transcriber", "recording.yaml"),
            file!("whisper-transcriber", "alerts.yaml"),
        ],
    },
    Pack {
        name: "whisperengine",
        about: "a bot with a database, a cache and a vector store",
        files: &[
            file!("whisperengine", "recording.yaml"),
            file!("whisperengine", "alerts.yaml"),
        ],
    },
    Pack {
        name: "whispercache",
        about: "memories with hash proofs, backend and frontend",
        files: &[file!("whispercache", "alerts.yaml")],
    },
    Pack {
        name: "deep-echo",
        about: "a front with a cache and a service behind it",
        files: &[
            file!("deep-echo", "recording.yaml"),
            file!("deep-echo", "alerts.yaml"),
        ],
    },
    Pack {
        name: "rag-admin",
        about: "documents and questions",
        files: &[file!("rag-admin", "alerts.yaml")],
    },
];

pub fn find(name: &str) -> Option<&'static Pack> {
    PACKS.iter().find(|pack| pack.name == name)
}

/// What to write instead of a name that none has.
pub fn hint(name: &str) -> String {
    let names = PACKS.map(|pack| pack.name);
    match mainstay_model::did_you_mean(name, names) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("there are {}", names.join(", ")),
    }
}
