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
                a_request_passes_through_the_door_and_its_answer_returns;
                #[tokio::test]
                programs_get_the_proxy_url_with_its_login;
                #[tokio::test]
                a_restarted_gateway_is_reached_through_the_same_door;
                #[tokio::test]
                an_agent_cannot_change_the_directory_of_its_door;
                #[tokio::test]
                a_sandbox_without_a_door_gets_no_model_address;
            }
            selftest {
                #[tokio::test(flavor = "multi_thread")]
                every_cell_holds_on_this_machine;
                #[tokio::test(flavor = "multi_thread")]
                the_selftest_finds_the_holes_without_a_sandbox;
                #[tokio::test(flavor = "multi_thread")]
                the_selftest_finds_the_hole_of_a_missing_guard;
            }
            lifetime {
                #[tokio::test]
                daemons_die_with_the_program;
                #[tokio::test]
                kill_tree_and_drop_kill_daemons;
                #[tokio::test]
                a_sandbox_killed_at_any_moment_of_its_start_leaves_no_process;
                #[tokio::test]
                #[ignore = "a part of `a_killed_owner_leaves_no_process`"]
                owner_of_a_sandbox;
                #[tokio::test]
                #[ignore = "a part of `a_killed_owner_leaves_no_process`"]
                owner_without_a_sandbox;
                #[tokio::test]
                a_killed_owner_leaves_no_process;
                #[tokio::test]
                a_sandbox_outlives_the_thread_that_requested_it;
                #[tokio::test]
                interrupt_and_terminate_reach_the_program;
            }
            matrix {
                #[tokio::test]
                the_sandbox_holds_every_cell_of_the_role_table;
                #[tokio::test]
                the_forbidden_attempts_work_without_a_sandbox;
            }
            preview {
                #[tokio::test]
                a_static_site_is_served_until_it_is_stopped;
                #[tokio::test]
                two_demos_may_use_the_same_port;
                #[tokio::test]
                a_server_that_exits_is_reported_with_its_output;
                #[tokio::test]
                a_server_that_is_silent_or_answers_404_is_unhealthy;
                #[tokio::test]
                a_server_that_fills_the_disk_is_ended;
                #[tokio::test]
                a_port_in_use_is_reported;
                #[tokio::test]
                a_link_to_another_socket_is_not_followed;
            }
            redteam {
                #[tokio::test]
                #[ignore = "a part of `every_attempt_to_get_out_is_stopped`"]
                attempts_of_an_ordinary_user;
                #[tokio::test]
                every_attempt_to_get_out_is_stopped;
            }
            roles {
                #[tokio::test]
                each_role_writes_only_where_its_row_allows;
                #[tokio::test]
                each_role_reads_the_clone_and_the_history_as_its_row_allows;
                #[tokio::test]
                a_role_without_a_terminal_has_no_shell_and_only_its_own_programs;
                #[tokio::test]
                the_dynamic_loader_cannot_run_a_shell;
                #[tokio::test]
                a_missing_directory_of_the_role_is_created;
                #[tokio::test]
                a_file_in_place_of_the_directory_of_a_role_is_refused;
                #[tokio::test]
                a_developer_commits_but_cannot_make_git_run_programs;
            }
            run {
                #[tokio::test]
                an_outcome_has_the_exit_and_the_output;
                #[tokio::test]
                the_environment_has_only_the_given_variables;
                #[tokio::test]
                a_read_only_tree_cannot_be_changed;
                #[tokio::test]
                long_output_keeps_its_beginning_and_end;
                #[tokio::test]
                a_timed_out_command_is_killed_with_all_its_processes;
                #[tokio::test]
                a_failed_setup_of_the_sandbox_is_an_error;
                #[tokio::test]
                a_missing_program_is_reported;
                #[tokio::test]
                a_command_that_exceeds_the_disk_quota_is_killed;
            }
        }
    };
}
