//! The list of the tests that run on each backend.

/// Makes a test of each listed function for one backend.
macro_rules! tests_of_backend {
    ($backend:expr; $($module:ident { $($(#[$attribute:meta])+ $test:ident;)+ })+) => {$(
        mod $module {
            $(
                $(#[$attribute])+
                async fn $test() {
                    crate::$module::$test($backend).await;
                }
            )+
        }
    )+};
}

macro_rules! tests_of_both_backends {
    ($backend:expr) => {
        tests_of_backend! {
            $backend;
            cli {
                #[tokio::test]
                the_cli_starts_with_and_without_a_shell;
                #[tokio::test]
                the_cli_works_through_the_door_and_searches_without_a_shell;
            }
            door {
                #[tokio::test]
                a_request_comes_out_and_its_answer_comes_back;
                #[tokio::test]
                the_proxy_of_the_door_is_where_its_login_is;
                #[tokio::test]
                a_gateway_that_starts_anew_is_found_again;
                #[tokio::test]
                an_agent_cannot_put_anything_into_its_door;
                #[tokio::test]
                without_a_door_there_is_no_address;
            }
            selftest {
                #[tokio::test(flavor = "multi_thread")]
                every_cell_holds_on_this_machine;
                #[tokio::test(flavor = "multi_thread")]
                without_a_sandbox_the_holes_are_found;
                #[tokio::test(flavor = "multi_thread")]
                a_guard_that_is_missing_is_a_hole_that_is_found;
            }
            lifetime {
                #[tokio::test]
                daemons_die_with_the_program;
                #[tokio::test]
                daemons_die_by_kill_tree_and_by_drop;
                #[tokio::test]
                a_sandbox_may_be_killed_at_any_moment_of_its_start;
                #[tokio::test]
                #[ignore = "a part of `nothing_is_left_when_the_owner_is_killed`"]
                owner_in_isolation;
                #[tokio::test]
                #[ignore = "a part of `nothing_is_left_when_the_owner_is_killed`"]
                owner_without_protection;
                #[tokio::test]
                nothing_is_left_when_the_owner_is_killed;
                #[tokio::test]
                a_sandbox_outlives_the_thread_that_asked_for_it;
                #[tokio::test]
                a_polite_request_reaches_the_program;
            }
            matrix {
                #[tokio::test]
                every_cell_of_the_table_is_held_by_the_sandbox;
                #[tokio::test]
                without_a_sandbox_the_same_attempts_work;
            }
            preview {
                #[tokio::test]
                a_static_site_is_served_until_it_is_stopped;
                #[tokio::test]
                rival_demos_may_use_the_same_port;
                #[tokio::test]
                a_server_that_ends_is_reported_with_what_it_said;
                #[tokio::test]
                a_server_that_does_not_answer_well_is_unhealthy;
                #[tokio::test]
                a_server_that_fills_the_disk_is_ended;
                #[tokio::test]
                a_port_in_use_is_named;
                #[tokio::test]
                a_link_to_another_socket_is_not_followed;
            }
            redteam {
                #[tokio::test]
                #[ignore = "a part of `every_attempt_to_get_out_is_stopped`"]
                as_an_ordinary_user;
                #[tokio::test]
                every_attempt_to_get_out_is_stopped;
            }
            roles {
                #[tokio::test]
                each_role_writes_where_its_row_says_and_nowhere_else;
                #[tokio::test]
                each_role_reads_the_clone_and_git_as_its_row_says;
                #[tokio::test]
                a_role_without_a_terminal_has_no_shell_and_no_other_program;
                #[tokio::test]
                the_loader_finds_no_shell_to_run;
                #[tokio::test]
                a_missing_directory_of_the_role_is_made_for_it;
                #[tokio::test]
                a_file_where_the_directory_of_the_role_belongs_is_named;
                #[tokio::test]
                a_developer_commits_but_does_not_make_git_run_programs;
            }
            run {
                #[tokio::test]
                an_outcome_tells_how_it_ended_and_what_it_said;
                #[tokio::test]
                the_environment_is_what_was_given;
                #[tokio::test]
                a_tree_may_be_shown_without_being_changed;
                #[tokio::test]
                long_output_keeps_its_ends;
                #[tokio::test]
                what_takes_too_long_is_killed_with_everything_that_it_started;
                #[tokio::test]
                a_sandbox_that_cannot_be_set_up_is_not_a_failed_command;
                #[tokio::test]
                a_program_that_is_not_there_is_said_so;
                #[tokio::test]
                what_fills_the_disk_is_killed;
            }
        }
    };
}
