//! `serve`: the operations of the configuration.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Result, bail};
use tokio_util::sync::CancellationToken;

use super::arguments::{CONFIG_FILE, Serve};
use super::service::Service;
use crate::config::{Config, Environment};
use crate::time::Clock;

/// Serves until a signal ends it.
pub async fn serve(arguments: Serve, env: Arc<dyn Environment + Send + Sync>) -> Result<()> {
    let source = {
        let (file, shard) = (arguments.configuration.file.clone(), arguments.shard);
        let env = Arc::clone(&env);
        move || {
            let config = Config::find(file.as_deref(), Path::new(CONFIG_FILE), &*env)?;
            if let Some(ahead) = config.check_dates(Clock::real().now()).first() {
                bail!("{ahead}");
            }
            let tokens = config.check_tokens(&*env);
            // A token that is not there yet may come; two operations with one token never work.
            if let Some(shared) = tokens.shared.first() {
                bail!("{shared}");
            }
            Ok(match shard {
                Some(shard) => config.shard(shard.index, shard.of),
                None => config,
            })
        }
    };
    let service = Service {
        clock: Clock::real(),
        source: Arc::new(source),
        env,
        storage: Some(arguments.storage.path),
        web: arguments.web,
        demo: false,
        started: Box::new(|_| ()),
    };
    service.run(CancellationToken::new()).await
}
