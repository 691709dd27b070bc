//! What holds agents in the product as it is, under bubblewrap; the module `docker` has the same in
//! containers.

#[test]
fn every_cell_of_the_table_holds_in_the_product() {
    insta::assert_snapshot!(super::role_table::attempt_table(&[]));
}

#[test]
fn an_agent_finds_nothing_of_another_project() {
    super::neighbours::finds_nothing(&[]);
}
