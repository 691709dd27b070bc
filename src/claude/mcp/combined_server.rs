//! Several tool servers combined into one.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde_json::Value;

use super::{ToolDescription, ToolReply, ToolServer};

/// Two tools of one agent have the same name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("two tools are called {0}")]
pub struct DuplicateTool(pub String);

/// The tools of several servers, offered to one agent as one server.
#[derive(Default)]
pub struct CombinedToolServer {
    servers: Vec<Arc<dyn ToolServer>>,
}

impl std::fmt::Debug for CombinedToolServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let tools = self.tools().into_iter().map(|tool| tool.name);
        f.debug_list().entries(tools).finish()
    }
}

impl CombinedToolServer {
    /// Adds the tools of `server`.
    ///
    /// # Errors
    /// A tool with the same name exists.
    pub fn add_server(&mut self, server: Arc<dyn ToolServer>) -> Result<(), DuplicateTool> {
        for tool in server.tools() {
            if self.find_server(&tool.name).is_some() {
                return Err(DuplicateTool(tool.name));
            }
        }
        self.servers.push(server);
        Ok(())
    }

    pub fn is_empty(&self) -> bool {
        self.servers.iter().all(|server| server.tools().is_empty())
    }

    fn find_server(&self, name: &str) -> Option<&Arc<dyn ToolServer>> {
        let has = |server: &&Arc<dyn ToolServer>| server.tools().iter().any(|t| t.name == name);
        self.servers.iter().find(has)
    }
}

impl ToolServer for CombinedToolServer {
    fn tools(&self) -> Vec<ToolDescription> {
        self.servers
            .iter()
            .flat_map(|server| server.tools())
            .collect()
    }

    fn call<'a>(&'a self, name: &'a str, arguments: Value) -> BoxFuture<'a, ToolReply> {
        Box::pin(async move {
            match self.find_server(name) {
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

    struct NamedToolServer(&'static str);

    impl ToolServer for NamedToolServer {
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
        let mut server = CombinedToolServer::default();
        assert!(server.is_empty());
        for name in ["a", "b"] {
            server.add_server(Arc::new(NamedToolServer(name))).unwrap();
        }
        assert_eq!(format!("{server:?}"), r#"["a", "b"]"#);
        assert_eq!(server.call("b", json!({})).await.text, "b as b");
        assert!(server.call("c", json!({})).await.is_error);
    }

    #[test]
    fn a_tool_name_is_unique() {
        let mut server = CombinedToolServer::default();
        server.add_server(Arc::new(NamedToolServer("a"))).unwrap();
        let again = server.add_server(Arc::new(NamedToolServer("a")));
        assert_eq!(again, Err(DuplicateTool("a".to_owned())));
    }
}
