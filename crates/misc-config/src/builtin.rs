//! The flags that every program has.

/// A flag that every program has, unless it is switched off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Builtin {
    /// `--help` and `-h`: shows all flags, with what they are for.
    Help,
    /// `--version` and `-V`: shows the name and the version.
    Version,
    /// `--config <FILE>`: reads a file, instead of those that the program would look for; may be repeated.
    Config,
    /// `--profile <NAME>`: reads the files of a profile, too.
    Profile,
    /// `--check-config`: says whether the configuration is valid, and ends.
    CheckConfig,
    /// `--print-config`: shows the configuration as it is in effect, without secrets, and ends.
    PrintConfig,
    /// `--explain-config`: shows where each value comes from, and ends.
    ExplainConfig,
    /// `--config-template`: shows a commented file with every key, and ends.
    ConfigTemplate,
    /// `--config-schema`: shows a JSON Schema of the files, for editors, and ends.
    ConfigSchema,
}

impl Builtin {
    /// All of them, as the help has them.
    pub(crate) const ALL: [Self; 9] = [
        Self::Config,
        Self::Profile,
        Self::CheckConfig,
        Self::PrintConfig,
        Self::ExplainConfig,
        Self::ConfigTemplate,
        Self::ConfigSchema,
        Self::Help,
        Self::Version,
    ];

    /// Returns the flag, without the dashes in front.
    pub(crate) fn flag(self) -> &'static str {
        match self {
            Self::Help => "help",
            Self::Version => "version",
            Self::Config => "config",
            Self::Profile => "profile",
            Self::CheckConfig => "check-config",
            Self::PrintConfig => "print-config",
            Self::ExplainConfig => "explain-config",
            Self::ConfigTemplate => "config-template",
            Self::ConfigSchema => "config-schema",
        }
    }

    /// Returns the short flag.
    pub(crate) fn short(self) -> Option<char> {
        match self {
            Self::Help => Some('h'),
            Self::Version => Some('V'),
            _ => None,
        }
    }

    /// Says what it is for.
    pub(crate) fn help(self) -> &'static str {
        match self {
            Self::Help => "Print help",
            Self::Version => "Print version",
            Self::Config => "Read this file; may be repeated, later ones win",
            Self::Profile => "Read the files of this profile, too",
            Self::CheckConfig => "Say whether the configuration is valid, and exit",
            Self::PrintConfig => "Print the configuration in effect, without secrets, and exit",
            Self::ExplainConfig => "Print where each value comes from, and exit",
            Self::ConfigTemplate => "Print a commented file with every key, and exit",
            Self::ConfigSchema => "Print a JSON Schema of the files, for editors, and exit",
        }
    }

    /// Returns whether it prints something, and the program does not run.
    pub(crate) fn ends(self) -> bool {
        !matches!(self, Self::Config | Self::Profile)
    }
}
