//! One run of `eklavya`: the options, the environment and the configuration.

pub mod data_store;
pub mod interrupts;
pub mod logging;
pub mod options;
pub mod runtime;

use camino::{Utf8Path, Utf8PathBuf};
use eklavya_config::{
    Config, ConfigError, ConfigLayers, ConfigOverride, DataDirectory, ProcessEnvironment,
};
use eklavya_core::redactor::Redactor;

use crate::error::{CommandError, CommandErrorKind};
use crate::invocation::options::GlobalOptions;
use crate::output::{OutputPrinter, TerminalPrompt};

/// The context of a command, apart from its own arguments.
pub struct CommandInvocation {
    pub environment: ProcessEnvironment,
    /// The base of relative paths on the command line.
    pub working_directory: Utf8PathBuf,
    pub home: DataDirectory,
    /// Whether agents run without a sandbox.
    pub no_sandbox: bool,
    pub printer: OutputPrinter,
    /// Removes secrets from everything that this process writes: logs, errors, the audit trail, …
    pub redactor: Redactor,
    pub prompt: TerminalPrompt,
    config: Result<(Config, ConfigLayers), ConfigError>,
}

impl CommandInvocation {
    /// Reads the configuration and starts logging. A mistake in the configuration stops only the
    /// commands that need it: see [`CommandInvocation::config`].
    pub fn new(
        options: &GlobalOptions,
        environment: ProcessEnvironment,
    ) -> Result<Self, CommandError> {
        let working_directory = working_directory()?;
        let home =
            DataDirectory::locate(options.home.as_deref(), &environment, &working_directory)?;
        let printer = OutputPrinter::new(options, &environment)?;
        let config = load(&home, &environment, &options.set, &working_directory);
        let level = config
            .as_ref()
            .map_or("warn", |(config, _)| &config.log_level);
        let secrets = config.as_ref().map(|(config, _)| config.known_secrets());
        let redactor = Redactor::new(secrets.unwrap_or_default());
        logging::start_logging(level, options, printer.bars(), &redactor);
        if let Ok((_, layers)) = &config {
            for warning in &layers.warnings {
                printer.warn(warning);
            }
        }
        Ok(Self {
            environment,
            working_directory,
            home,
            no_sandbox: options.no_sandbox,
            prompt: TerminalPrompt::new(options.yes),
            printer,
            redactor,
            config,
        })
    }

    /// Returns the configuration, or the error in it.
    pub fn config(&self) -> Result<&Config, CommandError> {
        self.loaded_config().map(|(config, _)| config)
    }

    /// Returns every value with its origin, or the error in the configuration.
    pub fn layers(&self) -> Result<&ConfigLayers, CommandError> {
        self.loaded_config().map(|(_, layers)| layers)
    }

    fn loaded_config(&self) -> Result<&(Config, ConfigLayers), CommandError> {
        self.config.as_ref().map_err(CommandError::from)
    }
}

fn load(
    home: &DataDirectory,
    environment: &ProcessEnvironment,
    set: &[String],
    working_directory: &Utf8Path,
) -> Result<(Config, ConfigLayers), ConfigError> {
    let overrides: Vec<ConfigOverride> = set
        .iter()
        .map(|text| ConfigOverride::parse(text))
        .collect::<Result<_, _>>()?;
    Config::load(home.clone(), environment, &overrides, working_directory)
}

fn working_directory() -> Result<Utf8PathBuf, CommandError> {
    let directory = std::env::current_dir().map_err(|error| {
        CommandError::new(
            CommandErrorKind::Environment,
            format!("cannot find the working directory: {error}"),
        )
    })?;
    Utf8PathBuf::from_path_buf(directory)
        .map_err(|path| CommandError::from(ConfigError::PathNotUtf8(path)))
}
