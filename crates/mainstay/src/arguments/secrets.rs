//! Options of `secret`.

use clap::{Args, Subcommand, ValueEnum};
use mainstay_stack::secrets::Format;

/// `secret`
#[derive(Debug, Clone, Args)]
pub struct SecretArguments {
    #[command(subcommand)]
    pub command: SecretCommand,
}

#[derive(Debug, Clone, Subcommand)]
pub enum SecretCommand {
    /// Where each secret comes from, who gets it, and since when it is what it is
    List,
    /// Ask every store for every secret, and check the values
    Check,
    /// Write a value into the encrypted file; it is asked for, or read from standard input
    Set {
        #[arg(value_name = "NAME")]
        name: String,
    },
    /// Put a new random value in the place of the old one
    Rotate(RotateArguments),
    /// Take a value out of the encrypted file
    Remove {
        #[arg(value_name = "NAME")]
        name: String,
    },
    /// Print the value of one secret
    Get {
        #[arg(value_name = "NAME")]
        name: String,
        /// Yes, print it, whoever may be looking
        #[arg(long, required = true)]
        reveal: bool,
    },
    /// Who can open the encrypted file
    Keys {
        #[command(subcommand)]
        command: KeysCommand,
    },
}

#[derive(Debug, Clone, Args)]
pub struct RotateArguments {
    #[arg(value_name = "NAME")]
    pub name: String,
    /// Characters (default: 32, or the secret's `min_length` where that is more)
    #[arg(long, value_name = "N")]
    pub length: Option<usize>,
    /// How it is written (default: the secret's `format`, or alphanumeric)
    #[arg(long, value_name = "FORMAT")]
    pub format: Option<FormatName>,
    /// Deploy it at once
    #[arg(long)]
    pub deploy: bool,
}

/// Formats that can be made up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FormatName {
    Alphanumeric,
    Base64,
    Hex,
    Uuid,
}

impl From<FormatName> for Format {
    fn from(name: FormatName) -> Self {
        match name {
            FormatName::Alphanumeric => Self::Alphanumeric,
            FormatName::Base64 => Self::Base64,
            FormatName::Hex => Self::Hex,
            FormatName::Uuid => Self::Uuid,
        }
    }
}

#[derive(Debug, Clone, Subcommand)]
pub enum KeysCommand {
    /// Make an identity for yourself, and print its recipient
    Create,
    /// The recipients of the environment's file
    List,
    /// Let somebody open the file from now on
    Add {
        /// A line `age1…`, as `secret keys create` or `age-keygen` prints it
        #[arg(value_name = "RECIPIENT")]
        recipient: String,
    },
    /// Encrypt the file anew without somebody
    Remove {
        #[arg(value_name = "RECIPIENT")]
        recipient: String,
    },
}
