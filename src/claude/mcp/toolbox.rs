//! Several sets of tools as one.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde_json::Value;

use super::{ToolDescription, ToolReply, ToolServer};

/// Two tools of one agent have the same name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("two tools are called {0}")]
pub struct DuplicateTool(pub String);

/// The tools of several servers, offered to one agent as those of one.
#[derive(Default)]
pub struct Toolbox {
    servers: Vec<Arc<dyn ToolServer>>,
}

impl std::fmt::Debug for Toolbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let tools = self.tools().into_iter().map(|tool| tool.name);
        f.debug_list().entries(tools).finish()
    }
}

impl Toolbox {
    /// Adds the tools of `server`.
    ///
    /// # Errors
    /// One of them has the name of a tool that is there already.
    pub fn add(&mut self, server: Arc<dyn ToolServer>) -> Result<(), DuplicateTool> {
        for tool in server.tools() {
            if self.server_of(&tool.name).is_some() {
                return Err(DuplicateTool(tool.name));
            }
        }
        self.servers.push(server);
        Ok(())
    }

    /// Whether there is no tool in it.
    pub fn is_empty(&self) -> bool {
        self.servers.iter().all(|server| server.tools().is_empty())
    }

    fn server_of(&self, name: &str) -> Option<&Arc<dyn ToolServer>> {
        let has = |server: &&Arc<dyn ToolServer>| server.tools().iter().any(|t| t.name == name);
        self.servers.iter().find(has)
    }
}

impl ToolServer for Toolbox {
    fn tools(&self) -> Vec<ToolDescription> {
        self.servers
            .iter()
            .flat_map(|server| server.tools())
            .collect()
    }

    fn call<'a>(&'a self, name: &'a str, arguments: Value) -> BoxFuture<'a, ToolReply> {
        Box::pin(async move {
            match self.server_of(name) {
                Some(server) => server.call(name, arguments).await,
                None => ToolReply::error(format!("there is no tool {name:?}")),
            }
        })
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            for server in &self.servers {
                server.close().await;
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    struct Named(&'static str);

    impl ToolServer for Named {
        fn tools(&self) -> Vec<ToolDescription> {
            vec![ToolDescription {
                name: self.0.to_owned(),
                description: String::new(),
                input_schema: json!({"type": "object"}),
            }]
        }

        fn call<'a>(&'a self, name: &'a str, _: Value) -> BoxFuture<'a, ToolReply> {
            Box::pin(async move { ToolReply::ok(format!("{} as {name}", self.0)) })
        }
    }

    #[tokio::test]
    async fn each_call_goes_to_the_server_that_has_the_tool() {
        let mut toolbox = Toolbox::default();
        assert!(toolbox.is_empty());
        for name in ["a", "b"] {
            toolbox.add(Arc::new(Named(name))).unwrap();
        }
        assert_eq!(format!("{toolbox:?}"), r#"["a", "b"]"#);
        assert_eq!(toolbox.call("b", json!({})).await.text, "b as b");
        assert!(toolbox.call("c", json!({})).await.is_error);
    }

    #[test]
    fn a_name_is_there_once() {
        let mut toolbox = Toolbox::default();
        toolbox.add(Arc::new(Named("a"))).unwrap();
        let again = toolbox.add(Arc::new(Named("a")));
        assert_eq!(again, Err(DuplicateTool("a".to_owned())));
    }
}
