# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_eklavya_global_optspecs
    string join \n output= q/quiet v/verbose home= set= y/yes no-sandbox h/help V/version
end

function __fish_eklavya_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_eklavya_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_eklavya_using_subcommand
    set -l cmd (__fish_eklavya_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c eklavya -n "__fish_eklavya_needs_command" -l output -d 'Format of results' -r -f -a "table\t'Text for people'
json\t'One JSON document'
jsonl\t'One JSON document per line, one for each element of a list'"
complete -c eklavya -n "__fish_eklavya_needs_command" -l home -d 'Data directory; overrides EKLAVYA_HOME' -r
complete -c eklavya -n "__fish_eklavya_needs_command" -l set -d 'Set a configuration key for this run; see `eklavya config show`' -r
complete -c eklavya -n "__fish_eklavya_needs_command" -s q -l quiet -d 'Print only results and errors'
complete -c eklavya -n "__fish_eklavya_needs_command" -s v -l verbose -d 'Log more to stderr: -v for info, -vv for debug, -vvv for trace'
complete -c eklavya -n "__fish_eklavya_needs_command" -s y -l yes -d 'Ask no questions: confirm, and use the defaults'
complete -c eklavya -n "__fish_eklavya_needs_command" -l no-sandbox -d 'Run agents without a sandbox: they can read and change everything that you can'
complete -c eklavya -n "__fish_eklavya_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eklavya -n "__fish_eklavya_needs_command" -s V -l version -d 'Print version'
complete -c eklavya -n "__fish_eklavya_needs_command" -f -a "init" -d 'Create the data directory with its database and config.yaml'
complete -c eklavya -n "__fish_eklavya_needs_command" -f -a "doctor" -d 'Check that everything that agents need is installed and usable'
complete -c eklavya -n "__fish_eklavya_needs_command" -f -a "project" -d 'Create, show, pause and archive projects'
complete -c eklavya -n "__fish_eklavya_needs_command" -f -a "plan" -d 'Plan a project: requirements, architecture, tasks, cost'
complete -c eklavya -n "__fish_eklavya_needs_command" -f -a "demo" -d 'Build rival demos and choose one'
complete -c eklavya -n "__fish_eklavya_needs_command" -f -a "build" -d 'Build the product: agents work on the tasks of the plan in parallel'
complete -c eklavya -n "__fish_eklavya_needs_command" -f -a "verify" -d 'Check every acceptance criterion on the commit to be delivered'
complete -c eklavya -n "__fish_eklavya_needs_command" -f -a "deliver" -d 'Deliver the product: tag, bundle and dossier'
complete -c eklavya -n "__fish_eklavya_needs_command" -f -a "status" -d 'Show the status of each project and its next command'
complete -c eklavya -n "__fish_eklavya_needs_command" -f -a "events" -d 'Print or follow the event log'
complete -c eklavya -n "__fish_eklavya_needs_command" -f -a "agents" -d 'List agents, read their transcripts, and kill them'
complete -c eklavya -n "__fish_eklavya_needs_command" -f -a "tasks" -d 'List and show tasks, and retry blocked ones'
complete -c eklavya -n "__fish_eklavya_needs_command" -f -a "jobs" -d 'List, show and cancel the jobs of background workers'
complete -c eklavya -n "__fish_eklavya_needs_command" -f -a "worker" -d 'Run the jobs that commands with --detach queue'
complete -c eklavya -n "__fish_eklavya_needs_command" -f -a "budget" -d 'Show and set limits, and report costs'
complete -c eklavya -n "__fish_eklavya_needs_command" -f -a "secret" -d 'Manage keys and passwords for the tests, checks and previews of a project'
complete -c eklavya -n "__fish_eklavya_needs_command" -f -a "audit" -d 'Show, verify and export the audit trail'
complete -c eklavya -n "__fish_eklavya_needs_command" -f -a "roles" -d 'Show what each role may access'
complete -c eklavya -n "__fish_eklavya_needs_command" -f -a "sandbox" -d 'Try the sandbox that agents run in'
complete -c eklavya -n "__fish_eklavya_needs_command" -f -a "image" -d 'Build, list and prune the Docker images that agents run in'
complete -c eklavya -n "__fish_eklavya_needs_command" -f -a "config" -d 'Show and change the configuration'
complete -c eklavya -n "__fish_eklavya_needs_command" -f -a "db" -d 'Show the database, migrate it, or copy it to another one'
complete -c eklavya -n "__fish_eklavya_needs_command" -f -a "completions" -d 'Print the completion script for a shell'
complete -c eklavya -n "__fish_eklavya_needs_command" -f -a "man" -d 'Print the manual page, or write the pages of all commands to a directory'
complete -c eklavya -n "__fish_eklavya_using_subcommand init" -l output -d 'Format of results' -r -f -a "table\t'Text for people'
json\t'One JSON document'
jsonl\t'One JSON document per line, one for each element of a list'"
complete -c eklavya -n "__fish_eklavya_using_subcommand init" -l home -d 'Data directory; overrides EKLAVYA_HOME' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand init" -l set -d 'Set a configuration key for this run; see `eklavya config show`' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand init" -s q -l quiet -d 'Print only results and errors'
complete -c eklavya -n "__fish_eklavya_using_subcommand init" -s v -l verbose -d 'Log more to stderr: -v for info, -vv for debug, -vvv for trace'
complete -c eklavya -n "__fish_eklavya_using_subcommand init" -s y -l yes -d 'Ask no questions: confirm, and use the defaults'
complete -c eklavya -n "__fish_eklavya_using_subcommand init" -l no-sandbox -d 'Run agents without a sandbox: they can read and change everything that you can'
complete -c eklavya -n "__fish_eklavya_using_subcommand init" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eklavya -n "__fish_eklavya_using_subcommand doctor" -l isolation -d 'Isolation backend to test (default: `sandbox.isolation`)' -r -f -a "bubblewrap\t''
docker\t''"
complete -c eklavya -n "__fish_eklavya_using_subcommand doctor" -l output -d 'Format of results' -r -f -a "table\t'Text for people'
json\t'One JSON document'
jsonl\t'One JSON document per line, one for each element of a list'"
complete -c eklavya -n "__fish_eklavya_using_subcommand doctor" -l home -d 'Data directory; overrides EKLAVYA_HOME' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand doctor" -l set -d 'Set a configuration key for this run; see `eklavya config show`' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand doctor" -s q -l quiet -d 'Print only results and errors'
complete -c eklavya -n "__fish_eklavya_using_subcommand doctor" -s v -l verbose -d 'Log more to stderr: -v for info, -vv for debug, -vvv for trace'
complete -c eklavya -n "__fish_eklavya_using_subcommand doctor" -s y -l yes -d 'Ask no questions: confirm, and use the defaults'
complete -c eklavya -n "__fish_eklavya_using_subcommand doctor" -l no-sandbox -d 'Run agents without a sandbox: they can read and change everything that you can'
complete -c eklavya -n "__fish_eklavya_using_subcommand doctor" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eklavya -n "__fish_eklavya_using_subcommand project; and not __fish_seen_subcommand_from new list ls show pause resume archive priority isolation export" -l output -d 'Format of results' -r -f -a "table\t'Text for people'
json\t'One JSON document'
jsonl\t'One JSON document per line, one for each element of a list'"
complete -c eklavya -n "__fish_eklavya_using_subcommand project; and not __fish_seen_subcommand_from new list ls show pause resume archive priority isolation export" -l home -d 'Data directory; overrides EKLAVYA_HOME' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand project; and not __fish_seen_subcommand_from new list ls show pause resume archive priority isolation export" -l set -d 'Set a configuration key for this run; see `eklavya config show`' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand project; and not __fish_seen_subcommand_from new list ls show pause resume archive priority isolation export" -s q -l quiet -d 'Print only results and errors'
complete -c eklavya -n "__fish_eklavya_using_subcommand project; and not __fish_seen_subcommand_from new list ls show pause resume archive priority isolation export" -s v -l verbose -d 'Log more to stderr: -v for info, -vv for debug, -vvv for trace'
complete -c eklavya -n "__fish_eklavya_using_subcommand project; and not __fish_seen_subcommand_from new list ls show pause resume archive priority isolation export" -s y -l yes -d 'Ask no questions: confirm, and use the defaults'
complete -c eklavya -n "__fish_eklavya_using_subcommand project; and not __fish_seen_subcommand_from new list ls show pause resume archive priority isolation export" -l no-sandbox -d 'Run agents without a sandbox: they can read and change everything that you can'
complete -c eklavya -n "__fish_eklavya_using_subcommand project; and not __fish_seen_subcommand_from new list ls show pause resume archive priority isolation export" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eklavya -n "__fish_eklavya_using_subcommand project; and not __fish_seen_subcommand_from new list ls show pause resume archive priority isolation export" -f -a "new" -d 'Create a project from a client\'s brief'
complete -c eklavya -n "__fish_eklavya_using_subcommand project; and not __fish_seen_subcommand_from new list ls show pause resume archive priority isolation export" -f -a "list" -d 'List projects, oldest first'
complete -c eklavya -n "__fish_eklavya_using_subcommand project; and not __fish_seen_subcommand_from new list ls show pause resume archive priority isolation export" -f -a "ls" -d 'List projects, oldest first'
complete -c eklavya -n "__fish_eklavya_using_subcommand project; and not __fish_seen_subcommand_from new list ls show pause resume archive priority isolation export" -f -a "show" -d 'Show a project: its status, brief, decisions and delivery'
complete -c eklavya -n "__fish_eklavya_using_subcommand project; and not __fish_seen_subcommand_from new list ls show pause resume archive priority isolation export" -f -a "pause" -d 'Pause a project; no agent works on it until it is resumed'
complete -c eklavya -n "__fish_eklavya_using_subcommand project; and not __fish_seen_subcommand_from new list ls show pause resume archive priority isolation export" -f -a "resume" -d 'Resume a paused or archived project'
complete -c eklavya -n "__fish_eklavya_using_subcommand project; and not __fish_seen_subcommand_from new list ls show pause resume archive priority isolation export" -f -a "archive" -d 'Archive a project; its files and history are kept'
complete -c eklavya -n "__fish_eklavya_using_subcommand project; and not __fish_seen_subcommand_from new list ls show pause resume archive priority isolation export" -f -a "priority" -d 'Set the priority of a project, from 1 to 9; new projects have 5'
complete -c eklavya -n "__fish_eklavya_using_subcommand project; and not __fish_seen_subcommand_from new list ls show pause resume archive priority isolation export" -f -a "isolation" -d 'Set the isolation backend of a project, or show it'
complete -c eklavya -n "__fish_eklavya_using_subcommand project; and not __fish_seen_subcommand_from new list ls show pause resume archive priority isolation export" -f -a "export" -d 'Export all data of a project to a directory: records, repository, delivery'
complete -c eklavya -n "__fish_eklavya_using_subcommand project; and __fish_seen_subcommand_from new" -l brief -d 'Text file with the client\'s brief; - reads stdin' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand project; and __fish_seen_subcommand_from new" -l client -d 'Name of the client' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand project; and __fish_seen_subcommand_from new" -l budget -d 'Maximum cost in US dollars' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand project; and __fish_seen_subcommand_from new" -l slug -d 'Short name for commands (default: derived from NAME)' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand project; and __fish_seen_subcommand_from new" -l rehearsal -d 'Rehearsal to use instead of a model' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand project; and __fish_seen_subcommand_from new" -l isolation -d 'Isolation backend for this project (default: `sandbox.isolation`)' -r -f -a "bubblewrap\t''
docker\t''"
complete -c eklavya -n "__fish_eklavya_using_subcommand project; and __fish_seen_subcommand_from new" -l output -d 'Format of results' -r -f -a "table\t'Text for people'
json\t'One JSON document'
jsonl\t'One JSON document per line, one for each element of a list'"
complete -c eklavya -n "__fish_eklavya_using_subcommand project; and __fish_seen_subcommand_from new" -l home -d 'Data directory; overrides EKLAVYA_HOME' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand project; and __fish_seen_subcommand_from new" -l set -d 'Set a configuration key for this run; see `eklavya config show`' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand project; and __fish_seen_subcommand_from new" -s q -l quiet -d 'Print only results and errors'
complete -c eklavya -n "__fish_eklavya_using_subcommand project; and __fish_seen_subcommand_from new" -s v -l verbose -d 'Log more to stderr: -v for info, -vv for debug, -vvv for trace'
complete -c eklavya -n "__fish_eklavya_using_subcommand project; and __fish_seen_subcommand_from new" -s y -l yes -d 'Ask no questions: confirm, and use the defaults'
complete -c eklavya -n "__fish_eklavya_using_subcommand project; and __fish_seen_subcommand_from new" -l no-sandbox -d 'Run agents without a sandbox: they can read and change everything that you can'
complete -c eklavya -n "__fish_eklavya_using_subcommand project; and __fish_seen_subcommand_from new" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eklavya -n "__fish_eklavya_using_subcommand project; and __fish_seen_subcommand_from list" -l output -d 'Format of results' -r -f -a "table\t'Text for people'
json\t'One JSON document'
jsonl\t'One JSON document per line, one for each element of a list'"
complete -c eklavya -n "__fish_eklavya_using_subcommand project; and __fish_seen_subcommand_from list" -l home -d 'Data directory; overrides EKLAVYA_HOME' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand project; and __fish_seen_subcommand_from list" -l set -d 'Set a configuration key for this run; see `eklavya config show`' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand project; and __fish_seen_subcommand_from list" -s a -l all -d 'Include archived projects'
complete -c eklavya -n "__fish_eklavya_using_subcommand project; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Print only results and errors'
complete -c eklavya -n "__fish_eklavya_using_subcommand project; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Log more to stderr: -v for info, -vv for debug, -vvv for trace'
complete -c eklavya -n "__fish_eklavya_using_subcommand project; and __fish_seen_subcommand_from list" -s y -l yes -d 'Ask no questions: confirm, and use the defaults'
complete -c eklavya -n "__fish_eklavya_using_subcommand project; and __fish_seen_subcommand_from list" -l no-sandbox -d 'Run agents without a sandbox: they can read and change everything that you can'
complete -c eklavya -n "__fish_eklavya_using_subcommand project; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eklavya -n "__fish_eklavya_using_subcommand project; and __fish_seen_subcommand_from ls" -l output -d 'Format of results' -r -f -a "table\t'Text for people'
json\t'One JSON document'
jsonl\t'One JSON document per line, one for each element of a list'"
complete -c eklavya -n "__fish_eklavya_using_subcommand project; and __fish_seen_subcommand_from ls" -l home -d 'Data directory; overrides EKLAVYA_HOME' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand project; and __fish_seen_subcommand_from ls" -l set -d 'Set a configuration key for this run; see `eklavya config show`' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand project; and __fish_seen_subcommand_from ls" -s a -l all -d 'Include archived projects'
complete -c eklavya -n "__fish_eklavya_using_subcommand project; and __fish_seen_subcommand_from ls" -s q -l quiet -d 'Print only results and errors'
complete -c eklavya -n "__fish_eklavya_using_subcommand project; and __fish_seen_subcommand_from ls" -s v -l verbose -d 'Log more to stderr: -v for info, -vv for debug, -vvv for trace'
complete -c eklavya -n "__fish_eklavya_using_subcommand project; and __fish_seen_subcommand_from ls" -s y -l yes -d 'Ask no questions: confirm, and use the defaults'
complete -c eklavya -n "__fish_eklavya_using_subcommand project; and __fish_seen_subcommand_from ls" -l no-sandbox -d 'Run agents without a sandbox: they can read and change everything that you can'
complete -c eklavya -n "__fish_eklavya_using_subcommand project; and __fish_seen_subcommand_from ls" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eklavya -n "__fish_eklavya_using_subcommand project; and __fish_seen_subcommand_from show" -l output -d 'Format of results' -r -f -a "table\t'Text for people'
json\t'One JSON document'
jsonl\t'One JSON document per line, one for each element of a list'"
complete -c eklavya -n "__fish_eklavya_using_subcommand project; and __fish_seen_subcommand_from show" -l home -d 'Data directory; overrides EKLAVYA_HOME' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand project; and __fish_seen_subcommand_from show" -l set -d 'Set a configuration key for this run; see `eklavya config show`' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand project; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Print only results and errors'
complete -c eklavya -n "__fish_eklavya_using_subcommand project; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Log more to stderr: -v for info, -vv for debug, -vvv for trace'
complete -c eklavya -n "__fish_eklavya_using_subcommand project; and __fish_seen_subcommand_from show" -s y -l yes -d 'Ask no questions: confirm, and use the defaults'
complete -c eklavya -n "__fish_eklavya_using_subcommand project; and __fish_seen_subcommand_from show" -l no-sandbox -d 'Run agents without a sandbox: they can read and change everything that you can'
complete -c eklavya -n "__fish_eklavya_using_subcommand project; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eklavya -n "__fish_eklavya_using_subcommand project; and __fish_seen_subcommand_from pause" -l output -d 'Format of results' -r -f -a "table\t'Text for people'
json\t'One JSON document'
jsonl\t'One JSON document per line, one for each element of a list'"
complete -c eklavya -n "__fish_eklavya_using_subcommand project; and __fish_seen_subcommand_from pause" -l home -d 'Data directory; overrides EKLAVYA_HOME' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand project; and __fish_seen_subcommand_from pause" -l set -d 'Set a configuration key for this run; see `eklavya config show`' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand project; and __fish_seen_subcommand_from pause" -s q -l quiet -d 'Print only results and errors'
complete -c eklavya -n "__fish_eklavya_using_subcommand project; and __fish_seen_subcommand_from pause" -s v -l verbose -d 'Log more to stderr: -v for info, -vv for debug, -vvv for trace'
complete -c eklavya -n "__fish_eklavya_using_subcommand project; and __fish_seen_subcommand_from pause" -s y -l yes -d 'Ask no questions: confirm, and use the defaults'
complete -c eklavya -n "__fish_eklavya_using_subcommand project; and __fish_seen_subcommand_from pause" -l no-sandbox -d 'Run agents without a sandbox: they can read and change everything that you can'
complete -c eklavya -n "__fish_eklavya_using_subcommand project; and __fish_seen_subcommand_from pause" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eklavya -n "__fish_eklavya_using_subcommand project; and __fish_seen_subcommand_from resume" -l output -d 'Format of results' -r -f -a "table\t'Text for people'
json\t'One JSON document'
jsonl\t'One JSON document per line, one for each element of a list'"
complete -c eklavya -n "__fish_eklavya_using_subcommand project; and __fish_seen_subcommand_from resume" -l home -d 'Data directory; overrides EKLAVYA_HOME' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand project; and __fish_seen_subcommand_from resume" -l set -d 'Set a configuration key for this run; see `eklavya config show`' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand project; and __fish_seen_subcommand_from resume" -s q -l quiet -d 'Print only results and errors'
complete -c eklavya -n "__fish_eklavya_using_subcommand project; and __fish_seen_subcommand_from resume" -s v -l verbose -d 'Log more to stderr: -v for info, -vv for debug, -vvv for trace'
complete -c eklavya -n "__fish_eklavya_using_subcommand project; and __fish_seen_subcommand_from resume" -s y -l yes -d 'Ask no questions: confirm, and use the defaults'
complete -c eklavya -n "__fish_eklavya_using_subcommand project; and __fish_seen_subcommand_from resume" -l no-sandbox -d 'Run agents without a sandbox: they can read and change everything that you can'
complete -c eklavya -n "__fish_eklavya_using_subcommand project; and __fish_seen_subcommand_from resume" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eklavya -n "__fish_eklavya_using_subcommand project; and __fish_seen_subcommand_from archive" -l output -d 'Format of results' -r -f -a "table\t'Text for people'
json\t'One JSON document'
jsonl\t'One JSON document per line, one for each element of a list'"
complete -c eklavya -n "__fish_eklavya_using_subcommand project; and __fish_seen_subcommand_from archive" -l home -d 'Data directory; overrides EKLAVYA_HOME' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand project; and __fish_seen_subcommand_from archive" -l set -d 'Set a configuration key for this run; see `eklavya config show`' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand project; and __fish_seen_subcommand_from archive" -s q -l quiet -d 'Print only results and errors'
complete -c eklavya -n "__fish_eklavya_using_subcommand project; and __fish_seen_subcommand_from archive" -s v -l verbose -d 'Log more to stderr: -v for info, -vv for debug, -vvv for trace'
complete -c eklavya -n "__fish_eklavya_using_subcommand project; and __fish_seen_subcommand_from archive" -s y -l yes -d 'Ask no questions: confirm, and use the defaults'
complete -c eklavya -n "__fish_eklavya_using_subcommand project; and __fish_seen_subcommand_from archive" -l no-sandbox -d 'Run agents without a sandbox: they can read and change everything that you can'
complete -c eklavya -n "__fish_eklavya_using_subcommand project; and __fish_seen_subcommand_from archive" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eklavya -n "__fish_eklavya_using_subcommand project; and __fish_seen_subcommand_from priority" -l output -d 'Format of results' -r -f -a "table\t'Text for people'
json\t'One JSON document'
jsonl\t'One JSON document per line, one for each element of a list'"
complete -c eklavya -n "__fish_eklavya_using_subcommand project; and __fish_seen_subcommand_from priority" -l home -d 'Data directory; overrides EKLAVYA_HOME' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand project; and __fish_seen_subcommand_from priority" -l set -d 'Set a configuration key for this run; see `eklavya config show`' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand project; and __fish_seen_subcommand_from priority" -s q -l quiet -d 'Print only results and errors'
complete -c eklavya -n "__fish_eklavya_using_subcommand project; and __fish_seen_subcommand_from priority" -s v -l verbose -d 'Log more to stderr: -v for info, -vv for debug, -vvv for trace'
complete -c eklavya -n "__fish_eklavya_using_subcommand project; and __fish_seen_subcommand_from priority" -s y -l yes -d 'Ask no questions: confirm, and use the defaults'
complete -c eklavya -n "__fish_eklavya_using_subcommand project; and __fish_seen_subcommand_from priority" -l no-sandbox -d 'Run agents without a sandbox: they can read and change everything that you can'
complete -c eklavya -n "__fish_eklavya_using_subcommand project; and __fish_seen_subcommand_from priority" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eklavya -n "__fish_eklavya_using_subcommand project; and __fish_seen_subcommand_from isolation" -l output -d 'Format of results' -r -f -a "table\t'Text for people'
json\t'One JSON document'
jsonl\t'One JSON document per line, one for each element of a list'"
complete -c eklavya -n "__fish_eklavya_using_subcommand project; and __fish_seen_subcommand_from isolation" -l home -d 'Data directory; overrides EKLAVYA_HOME' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand project; and __fish_seen_subcommand_from isolation" -l set -d 'Set a configuration key for this run; see `eklavya config show`' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand project; and __fish_seen_subcommand_from isolation" -s q -l quiet -d 'Print only results and errors'
complete -c eklavya -n "__fish_eklavya_using_subcommand project; and __fish_seen_subcommand_from isolation" -s v -l verbose -d 'Log more to stderr: -v for info, -vv for debug, -vvv for trace'
complete -c eklavya -n "__fish_eklavya_using_subcommand project; and __fish_seen_subcommand_from isolation" -s y -l yes -d 'Ask no questions: confirm, and use the defaults'
complete -c eklavya -n "__fish_eklavya_using_subcommand project; and __fish_seen_subcommand_from isolation" -l no-sandbox -d 'Run agents without a sandbox: they can read and change everything that you can'
complete -c eklavya -n "__fish_eklavya_using_subcommand project; and __fish_seen_subcommand_from isolation" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eklavya -n "__fish_eklavya_using_subcommand project; and __fish_seen_subcommand_from export" -l directory -d 'Directory to write to; it must be empty or not exist (default: `SLUG-export`)' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand project; and __fish_seen_subcommand_from export" -l output -d 'Format of results' -r -f -a "table\t'Text for people'
json\t'One JSON document'
jsonl\t'One JSON document per line, one for each element of a list'"
complete -c eklavya -n "__fish_eklavya_using_subcommand project; and __fish_seen_subcommand_from export" -l home -d 'Data directory; overrides EKLAVYA_HOME' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand project; and __fish_seen_subcommand_from export" -l set -d 'Set a configuration key for this run; see `eklavya config show`' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand project; and __fish_seen_subcommand_from export" -s q -l quiet -d 'Print only results and errors'
complete -c eklavya -n "__fish_eklavya_using_subcommand project; and __fish_seen_subcommand_from export" -s v -l verbose -d 'Log more to stderr: -v for info, -vv for debug, -vvv for trace'
complete -c eklavya -n "__fish_eklavya_using_subcommand project; and __fish_seen_subcommand_from export" -s y -l yes -d 'Ask no questions: confirm, and use the defaults'
complete -c eklavya -n "__fish_eklavya_using_subcommand project; and __fish_seen_subcommand_from export" -l no-sandbox -d 'Run agents without a sandbox: they can read and change everything that you can'
complete -c eklavya -n "__fish_eklavya_using_subcommand project; and __fish_seen_subcommand_from export" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eklavya -n "__fish_eklavya_using_subcommand plan; and not __fish_seen_subcommand_from show approve reject" -l record -d 'Record the answers of the model to this file, as a rehearsal' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand plan; and not __fish_seen_subcommand_from show approve reject" -l output -d 'Format of results' -r -f -a "table\t'Text for people'
json\t'One JSON document'
jsonl\t'One JSON document per line, one for each element of a list'"
complete -c eklavya -n "__fish_eklavya_using_subcommand plan; and not __fish_seen_subcommand_from show approve reject" -l home -d 'Data directory; overrides EKLAVYA_HOME' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand plan; and not __fish_seen_subcommand_from show approve reject" -l set -d 'Set a configuration key for this run; see `eklavya config show`' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand plan; and not __fish_seen_subcommand_from show approve reject" -l wait -d 'Wait for another process that works on this project, instead of failing'
complete -c eklavya -n "__fish_eklavya_using_subcommand plan; and not __fish_seen_subcommand_from show approve reject" -l detach -d 'Queue the work for a background worker and return at once; starts a worker if none is running'
complete -c eklavya -n "__fish_eklavya_using_subcommand plan; and not __fish_seen_subcommand_from show approve reject" -s q -l quiet -d 'Print only results and errors'
complete -c eklavya -n "__fish_eklavya_using_subcommand plan; and not __fish_seen_subcommand_from show approve reject" -s v -l verbose -d 'Log more to stderr: -v for info, -vv for debug, -vvv for trace'
complete -c eklavya -n "__fish_eklavya_using_subcommand plan; and not __fish_seen_subcommand_from show approve reject" -s y -l yes -d 'Ask no questions: confirm, and use the defaults'
complete -c eklavya -n "__fish_eklavya_using_subcommand plan; and not __fish_seen_subcommand_from show approve reject" -l no-sandbox -d 'Run agents without a sandbox: they can read and change everything that you can'
complete -c eklavya -n "__fish_eklavya_using_subcommand plan; and not __fish_seen_subcommand_from show approve reject" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eklavya -n "__fish_eklavya_using_subcommand plan; and not __fish_seen_subcommand_from show approve reject" -a "show" -d 'Show the newest plan of a project'
complete -c eklavya -n "__fish_eklavya_using_subcommand plan; and not __fish_seen_subcommand_from show approve reject" -a "approve" -d 'Approve the proposed plan'
complete -c eklavya -n "__fish_eklavya_using_subcommand plan; and not __fish_seen_subcommand_from show approve reject" -a "reject" -d 'Reject the proposed plan; the next plan uses your feedback'
complete -c eklavya -n "__fish_eklavya_using_subcommand plan; and __fish_seen_subcommand_from show" -l output -d 'Format of results' -r -f -a "table\t'Text for people'
json\t'One JSON document'
jsonl\t'One JSON document per line, one for each element of a list'"
complete -c eklavya -n "__fish_eklavya_using_subcommand plan; and __fish_seen_subcommand_from show" -l home -d 'Data directory; overrides EKLAVYA_HOME' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand plan; and __fish_seen_subcommand_from show" -l set -d 'Set a configuration key for this run; see `eklavya config show`' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand plan; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Print only results and errors'
complete -c eklavya -n "__fish_eklavya_using_subcommand plan; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Log more to stderr: -v for info, -vv for debug, -vvv for trace'
complete -c eklavya -n "__fish_eklavya_using_subcommand plan; and __fish_seen_subcommand_from show" -s y -l yes -d 'Ask no questions: confirm, and use the defaults'
complete -c eklavya -n "__fish_eklavya_using_subcommand plan; and __fish_seen_subcommand_from show" -l no-sandbox -d 'Run agents without a sandbox: they can read and change everything that you can'
complete -c eklavya -n "__fish_eklavya_using_subcommand plan; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eklavya -n "__fish_eklavya_using_subcommand plan; and __fish_seen_subcommand_from approve" -l feedback -d 'Comment on the plan; stored with the decision' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand plan; and __fish_seen_subcommand_from approve" -l output -d 'Format of results' -r -f -a "table\t'Text for people'
json\t'One JSON document'
jsonl\t'One JSON document per line, one for each element of a list'"
complete -c eklavya -n "__fish_eklavya_using_subcommand plan; and __fish_seen_subcommand_from approve" -l home -d 'Data directory; overrides EKLAVYA_HOME' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand plan; and __fish_seen_subcommand_from approve" -l set -d 'Set a configuration key for this run; see `eklavya config show`' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand plan; and __fish_seen_subcommand_from approve" -l wait -d 'Wait for another process that works on this project, instead of failing'
complete -c eklavya -n "__fish_eklavya_using_subcommand plan; and __fish_seen_subcommand_from approve" -s q -l quiet -d 'Print only results and errors'
complete -c eklavya -n "__fish_eklavya_using_subcommand plan; and __fish_seen_subcommand_from approve" -s v -l verbose -d 'Log more to stderr: -v for info, -vv for debug, -vvv for trace'
complete -c eklavya -n "__fish_eklavya_using_subcommand plan; and __fish_seen_subcommand_from approve" -s y -l yes -d 'Ask no questions: confirm, and use the defaults'
complete -c eklavya -n "__fish_eklavya_using_subcommand plan; and __fish_seen_subcommand_from approve" -l no-sandbox -d 'Run agents without a sandbox: they can read and change everything that you can'
complete -c eklavya -n "__fish_eklavya_using_subcommand plan; and __fish_seen_subcommand_from approve" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eklavya -n "__fish_eklavya_using_subcommand plan; and __fish_seen_subcommand_from reject" -l feedback -d 'What the next plan must do better' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand plan; and __fish_seen_subcommand_from reject" -l output -d 'Format of results' -r -f -a "table\t'Text for people'
json\t'One JSON document'
jsonl\t'One JSON document per line, one for each element of a list'"
complete -c eklavya -n "__fish_eklavya_using_subcommand plan; and __fish_seen_subcommand_from reject" -l home -d 'Data directory; overrides EKLAVYA_HOME' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand plan; and __fish_seen_subcommand_from reject" -l set -d 'Set a configuration key for this run; see `eklavya config show`' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand plan; and __fish_seen_subcommand_from reject" -l wait -d 'Wait for another process that works on this project, instead of failing'
complete -c eklavya -n "__fish_eklavya_using_subcommand plan; and __fish_seen_subcommand_from reject" -s q -l quiet -d 'Print only results and errors'
complete -c eklavya -n "__fish_eklavya_using_subcommand plan; and __fish_seen_subcommand_from reject" -s v -l verbose -d 'Log more to stderr: -v for info, -vv for debug, -vvv for trace'
complete -c eklavya -n "__fish_eklavya_using_subcommand plan; and __fish_seen_subcommand_from reject" -s y -l yes -d 'Ask no questions: confirm, and use the defaults'
complete -c eklavya -n "__fish_eklavya_using_subcommand plan; and __fish_seen_subcommand_from reject" -l no-sandbox -d 'Run agents without a sandbox: they can read and change everything that you can'
complete -c eklavya -n "__fish_eklavya_using_subcommand plan; and __fish_seen_subcommand_from reject" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eklavya -n "__fish_eklavya_using_subcommand demo; and not __fish_seen_subcommand_from build list ls show open logs stop approve reject" -l output -d 'Format of results' -r -f -a "table\t'Text for people'
json\t'One JSON document'
jsonl\t'One JSON document per line, one for each element of a list'"
complete -c eklavya -n "__fish_eklavya_using_subcommand demo; and not __fish_seen_subcommand_from build list ls show open logs stop approve reject" -l home -d 'Data directory; overrides EKLAVYA_HOME' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand demo; and not __fish_seen_subcommand_from build list ls show open logs stop approve reject" -l set -d 'Set a configuration key for this run; see `eklavya config show`' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand demo; and not __fish_seen_subcommand_from build list ls show open logs stop approve reject" -s q -l quiet -d 'Print only results and errors'
complete -c eklavya -n "__fish_eklavya_using_subcommand demo; and not __fish_seen_subcommand_from build list ls show open logs stop approve reject" -s v -l verbose -d 'Log more to stderr: -v for info, -vv for debug, -vvv for trace'
complete -c eklavya -n "__fish_eklavya_using_subcommand demo; and not __fish_seen_subcommand_from build list ls show open logs stop approve reject" -s y -l yes -d 'Ask no questions: confirm, and use the defaults'
complete -c eklavya -n "__fish_eklavya_using_subcommand demo; and not __fish_seen_subcommand_from build list ls show open logs stop approve reject" -l no-sandbox -d 'Run agents without a sandbox: they can read and change everything that you can'
complete -c eklavya -n "__fish_eklavya_using_subcommand demo; and not __fish_seen_subcommand_from build list ls show open logs stop approve reject" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eklavya -n "__fish_eklavya_using_subcommand demo; and not __fish_seen_subcommand_from build list ls show open logs stop approve reject" -f -a "build" -d 'Build the rival demos of a project and start their previews'
complete -c eklavya -n "__fish_eklavya_using_subcommand demo; and not __fish_seen_subcommand_from build list ls show open logs stop approve reject" -f -a "list" -d 'List the demos of a project'
complete -c eklavya -n "__fish_eklavya_using_subcommand demo; and not __fish_seen_subcommand_from build list ls show open logs stop approve reject" -f -a "ls" -d 'List the demos of a project'
complete -c eklavya -n "__fish_eklavya_using_subcommand demo; and not __fish_seen_subcommand_from build list ls show open logs stop approve reject" -f -a "show" -d 'Show a demo'
complete -c eklavya -n "__fish_eklavya_using_subcommand demo; and not __fish_seen_subcommand_from build list ls show open logs stop approve reject" -f -a "open" -d 'Open a demo in the browser; starts its preview if it is not running'
complete -c eklavya -n "__fish_eklavya_using_subcommand demo; and not __fish_seen_subcommand_from build list ls show open logs stop approve reject" -f -a "logs" -d 'Print the output of the preview of a demo'
complete -c eklavya -n "__fish_eklavya_using_subcommand demo; and not __fish_seen_subcommand_from build list ls show open logs stop approve reject" -f -a "stop" -d 'Stop the preview of a demo'
complete -c eklavya -n "__fish_eklavya_using_subcommand demo; and not __fish_seen_subcommand_from build list ls show open logs stop approve reject" -f -a "approve" -d 'Approve a demo; it becomes main, and the build starts from it'
complete -c eklavya -n "__fish_eklavya_using_subcommand demo; and not __fish_seen_subcommand_from build list ls show open logs stop approve reject" -f -a "reject" -d 'Reject a demo, or all demos that are ready; the next round uses your feedback'
complete -c eklavya -n "__fish_eklavya_using_subcommand demo; and __fish_seen_subcommand_from build" -l record -d 'Record the answers of the model to this file, as a rehearsal' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand demo; and __fish_seen_subcommand_from build" -l output -d 'Format of results' -r -f -a "table\t'Text for people'
json\t'One JSON document'
jsonl\t'One JSON document per line, one for each element of a list'"
complete -c eklavya -n "__fish_eklavya_using_subcommand demo; and __fish_seen_subcommand_from build" -l home -d 'Data directory; overrides EKLAVYA_HOME' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand demo; and __fish_seen_subcommand_from build" -l set -d 'Set a configuration key for this run; see `eklavya config show`' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand demo; and __fish_seen_subcommand_from build" -l wait -d 'Wait for another process that works on this project, instead of failing'
complete -c eklavya -n "__fish_eklavya_using_subcommand demo; and __fish_seen_subcommand_from build" -l detach -d 'Queue the work for a background worker and return at once; starts a worker if none is running'
complete -c eklavya -n "__fish_eklavya_using_subcommand demo; and __fish_seen_subcommand_from build" -s q -l quiet -d 'Print only results and errors'
complete -c eklavya -n "__fish_eklavya_using_subcommand demo; and __fish_seen_subcommand_from build" -s v -l verbose -d 'Log more to stderr: -v for info, -vv for debug, -vvv for trace'
complete -c eklavya -n "__fish_eklavya_using_subcommand demo; and __fish_seen_subcommand_from build" -s y -l yes -d 'Ask no questions: confirm, and use the defaults'
complete -c eklavya -n "__fish_eklavya_using_subcommand demo; and __fish_seen_subcommand_from build" -l no-sandbox -d 'Run agents without a sandbox: they can read and change everything that you can'
complete -c eklavya -n "__fish_eklavya_using_subcommand demo; and __fish_seen_subcommand_from build" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eklavya -n "__fish_eklavya_using_subcommand demo; and __fish_seen_subcommand_from list" -l output -d 'Format of results' -r -f -a "table\t'Text for people'
json\t'One JSON document'
jsonl\t'One JSON document per line, one for each element of a list'"
complete -c eklavya -n "__fish_eklavya_using_subcommand demo; and __fish_seen_subcommand_from list" -l home -d 'Data directory; overrides EKLAVYA_HOME' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand demo; and __fish_seen_subcommand_from list" -l set -d 'Set a configuration key for this run; see `eklavya config show`' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand demo; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Print only results and errors'
complete -c eklavya -n "__fish_eklavya_using_subcommand demo; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Log more to stderr: -v for info, -vv for debug, -vvv for trace'
complete -c eklavya -n "__fish_eklavya_using_subcommand demo; and __fish_seen_subcommand_from list" -s y -l yes -d 'Ask no questions: confirm, and use the defaults'
complete -c eklavya -n "__fish_eklavya_using_subcommand demo; and __fish_seen_subcommand_from list" -l no-sandbox -d 'Run agents without a sandbox: they can read and change everything that you can'
complete -c eklavya -n "__fish_eklavya_using_subcommand demo; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eklavya -n "__fish_eklavya_using_subcommand demo; and __fish_seen_subcommand_from ls" -l output -d 'Format of results' -r -f -a "table\t'Text for people'
json\t'One JSON document'
jsonl\t'One JSON document per line, one for each element of a list'"
complete -c eklavya -n "__fish_eklavya_using_subcommand demo; and __fish_seen_subcommand_from ls" -l home -d 'Data directory; overrides EKLAVYA_HOME' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand demo; and __fish_seen_subcommand_from ls" -l set -d 'Set a configuration key for this run; see `eklavya config show`' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand demo; and __fish_seen_subcommand_from ls" -s q -l quiet -d 'Print only results and errors'
complete -c eklavya -n "__fish_eklavya_using_subcommand demo; and __fish_seen_subcommand_from ls" -s v -l verbose -d 'Log more to stderr: -v for info, -vv for debug, -vvv for trace'
complete -c eklavya -n "__fish_eklavya_using_subcommand demo; and __fish_seen_subcommand_from ls" -s y -l yes -d 'Ask no questions: confirm, and use the defaults'
complete -c eklavya -n "__fish_eklavya_using_subcommand demo; and __fish_seen_subcommand_from ls" -l no-sandbox -d 'Run agents without a sandbox: they can read and change everything that you can'
complete -c eklavya -n "__fish_eklavya_using_subcommand demo; and __fish_seen_subcommand_from ls" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eklavya -n "__fish_eklavya_using_subcommand demo; and __fish_seen_subcommand_from show" -l output -d 'Format of results' -r -f -a "table\t'Text for people'
json\t'One JSON document'
jsonl\t'One JSON document per line, one for each element of a list'"
complete -c eklavya -n "__fish_eklavya_using_subcommand demo; and __fish_seen_subcommand_from show" -l home -d 'Data directory; overrides EKLAVYA_HOME' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand demo; and __fish_seen_subcommand_from show" -l set -d 'Set a configuration key for this run; see `eklavya config show`' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand demo; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Print only results and errors'
complete -c eklavya -n "__fish_eklavya_using_subcommand demo; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Log more to stderr: -v for info, -vv for debug, -vvv for trace'
complete -c eklavya -n "__fish_eklavya_using_subcommand demo; and __fish_seen_subcommand_from show" -s y -l yes -d 'Ask no questions: confirm, and use the defaults'
complete -c eklavya -n "__fish_eklavya_using_subcommand demo; and __fish_seen_subcommand_from show" -l no-sandbox -d 'Run agents without a sandbox: they can read and change everything that you can'
complete -c eklavya -n "__fish_eklavya_using_subcommand demo; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eklavya -n "__fish_eklavya_using_subcommand demo; and __fish_seen_subcommand_from open" -l output -d 'Format of results' -r -f -a "table\t'Text for people'
json\t'One JSON document'
jsonl\t'One JSON document per line, one for each element of a list'"
complete -c eklavya -n "__fish_eklavya_using_subcommand demo; and __fish_seen_subcommand_from open" -l home -d 'Data directory; overrides EKLAVYA_HOME' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand demo; and __fish_seen_subcommand_from open" -l set -d 'Set a configuration key for this run; see `eklavya config show`' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand demo; and __fish_seen_subcommand_from open" -s q -l quiet -d 'Print only results and errors'
complete -c eklavya -n "__fish_eklavya_using_subcommand demo; and __fish_seen_subcommand_from open" -s v -l verbose -d 'Log more to stderr: -v for info, -vv for debug, -vvv for trace'
complete -c eklavya -n "__fish_eklavya_using_subcommand demo; and __fish_seen_subcommand_from open" -s y -l yes -d 'Ask no questions: confirm, and use the defaults'
complete -c eklavya -n "__fish_eklavya_using_subcommand demo; and __fish_seen_subcommand_from open" -l no-sandbox -d 'Run agents without a sandbox: they can read and change everything that you can'
complete -c eklavya -n "__fish_eklavya_using_subcommand demo; and __fish_seen_subcommand_from open" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eklavya -n "__fish_eklavya_using_subcommand demo; and __fish_seen_subcommand_from logs" -l output -d 'Format of results' -r -f -a "table\t'Text for people'
json\t'One JSON document'
jsonl\t'One JSON document per line, one for each element of a list'"
complete -c eklavya -n "__fish_eklavya_using_subcommand demo; and __fish_seen_subcommand_from logs" -l home -d 'Data directory; overrides EKLAVYA_HOME' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand demo; and __fish_seen_subcommand_from logs" -l set -d 'Set a configuration key for this run; see `eklavya config show`' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand demo; and __fish_seen_subcommand_from logs" -s f -l follow -d 'Keep printing new output until the preview stops'
complete -c eklavya -n "__fish_eklavya_using_subcommand demo; and __fish_seen_subcommand_from logs" -s q -l quiet -d 'Print only results and errors'
complete -c eklavya -n "__fish_eklavya_using_subcommand demo; and __fish_seen_subcommand_from logs" -s v -l verbose -d 'Log more to stderr: -v for info, -vv for debug, -vvv for trace'
complete -c eklavya -n "__fish_eklavya_using_subcommand demo; and __fish_seen_subcommand_from logs" -s y -l yes -d 'Ask no questions: confirm, and use the defaults'
complete -c eklavya -n "__fish_eklavya_using_subcommand demo; and __fish_seen_subcommand_from logs" -l no-sandbox -d 'Run agents without a sandbox: they can read and change everything that you can'
complete -c eklavya -n "__fish_eklavya_using_subcommand demo; and __fish_seen_subcommand_from logs" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eklavya -n "__fish_eklavya_using_subcommand demo; and __fish_seen_subcommand_from stop" -l output -d 'Format of results' -r -f -a "table\t'Text for people'
json\t'One JSON document'
jsonl\t'One JSON document per line, one for each element of a list'"
complete -c eklavya -n "__fish_eklavya_using_subcommand demo; and __fish_seen_subcommand_from stop" -l home -d 'Data directory; overrides EKLAVYA_HOME' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand demo; and __fish_seen_subcommand_from stop" -l set -d 'Set a configuration key for this run; see `eklavya config show`' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand demo; and __fish_seen_subcommand_from stop" -s q -l quiet -d 'Print only results and errors'
complete -c eklavya -n "__fish_eklavya_using_subcommand demo; and __fish_seen_subcommand_from stop" -s v -l verbose -d 'Log more to stderr: -v for info, -vv for debug, -vvv for trace'
complete -c eklavya -n "__fish_eklavya_using_subcommand demo; and __fish_seen_subcommand_from stop" -s y -l yes -d 'Ask no questions: confirm, and use the defaults'
complete -c eklavya -n "__fish_eklavya_using_subcommand demo; and __fish_seen_subcommand_from stop" -l no-sandbox -d 'Run agents without a sandbox: they can read and change everything that you can'
complete -c eklavya -n "__fish_eklavya_using_subcommand demo; and __fish_seen_subcommand_from stop" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eklavya -n "__fish_eklavya_using_subcommand demo; and __fish_seen_subcommand_from approve" -l feedback -d 'What the build must know about your choice' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand demo; and __fish_seen_subcommand_from approve" -l output -d 'Format of results' -r -f -a "table\t'Text for people'
json\t'One JSON document'
jsonl\t'One JSON document per line, one for each element of a list'"
complete -c eklavya -n "__fish_eklavya_using_subcommand demo; and __fish_seen_subcommand_from approve" -l home -d 'Data directory; overrides EKLAVYA_HOME' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand demo; and __fish_seen_subcommand_from approve" -l set -d 'Set a configuration key for this run; see `eklavya config show`' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand demo; and __fish_seen_subcommand_from approve" -l wait -d 'Wait for another process that works on this project, instead of failing'
complete -c eklavya -n "__fish_eklavya_using_subcommand demo; and __fish_seen_subcommand_from approve" -s q -l quiet -d 'Print only results and errors'
complete -c eklavya -n "__fish_eklavya_using_subcommand demo; and __fish_seen_subcommand_from approve" -s v -l verbose -d 'Log more to stderr: -v for info, -vv for debug, -vvv for trace'
complete -c eklavya -n "__fish_eklavya_using_subcommand demo; and __fish_seen_subcommand_from approve" -s y -l yes -d 'Ask no questions: confirm, and use the defaults'
complete -c eklavya -n "__fish_eklavya_using_subcommand demo; and __fish_seen_subcommand_from approve" -l no-sandbox -d 'Run agents without a sandbox: they can read and change everything that you can'
complete -c eklavya -n "__fish_eklavya_using_subcommand demo; and __fish_seen_subcommand_from approve" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eklavya -n "__fish_eklavya_using_subcommand demo; and __fish_seen_subcommand_from reject" -l feedback -d 'What the next round must do better' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand demo; and __fish_seen_subcommand_from reject" -l output -d 'Format of results' -r -f -a "table\t'Text for people'
json\t'One JSON document'
jsonl\t'One JSON document per line, one for each element of a list'"
complete -c eklavya -n "__fish_eklavya_using_subcommand demo; and __fish_seen_subcommand_from reject" -l home -d 'Data directory; overrides EKLAVYA_HOME' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand demo; and __fish_seen_subcommand_from reject" -l set -d 'Set a configuration key for this run; see `eklavya config show`' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand demo; and __fish_seen_subcommand_from reject" -l all -d 'Reject every demo that is ready'
complete -c eklavya -n "__fish_eklavya_using_subcommand demo; and __fish_seen_subcommand_from reject" -l wait -d 'Wait for another process that works on this project, instead of failing'
complete -c eklavya -n "__fish_eklavya_using_subcommand demo; and __fish_seen_subcommand_from reject" -s q -l quiet -d 'Print only results and errors'
complete -c eklavya -n "__fish_eklavya_using_subcommand demo; and __fish_seen_subcommand_from reject" -s v -l verbose -d 'Log more to stderr: -v for info, -vv for debug, -vvv for trace'
complete -c eklavya -n "__fish_eklavya_using_subcommand demo; and __fish_seen_subcommand_from reject" -s y -l yes -d 'Ask no questions: confirm, and use the defaults'
complete -c eklavya -n "__fish_eklavya_using_subcommand demo; and __fish_seen_subcommand_from reject" -l no-sandbox -d 'Run agents without a sandbox: they can read and change everything that you can'
complete -c eklavya -n "__fish_eklavya_using_subcommand demo; and __fish_seen_subcommand_from reject" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eklavya -n "__fish_eklavya_using_subcommand build" -l record -d 'Record the answers of the model to this file, as a rehearsal' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand build" -l output -d 'Format of results' -r -f -a "table\t'Text for people'
json\t'One JSON document'
jsonl\t'One JSON document per line, one for each element of a list'"
complete -c eklavya -n "__fish_eklavya_using_subcommand build" -l home -d 'Data directory; overrides EKLAVYA_HOME' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand build" -l set -d 'Set a configuration key for this run; see `eklavya config show`' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand build" -l wait -d 'Wait for another process that works on this project, instead of failing'
complete -c eklavya -n "__fish_eklavya_using_subcommand build" -l detach -d 'Queue the work for a background worker and return at once; starts a worker if none is running'
complete -c eklavya -n "__fish_eklavya_using_subcommand build" -s q -l quiet -d 'Print only results and errors'
complete -c eklavya -n "__fish_eklavya_using_subcommand build" -s v -l verbose -d 'Log more to stderr: -v for info, -vv for debug, -vvv for trace'
complete -c eklavya -n "__fish_eklavya_using_subcommand build" -s y -l yes -d 'Ask no questions: confirm, and use the defaults'
complete -c eklavya -n "__fish_eklavya_using_subcommand build" -l no-sandbox -d 'Run agents without a sandbox: they can read and change everything that you can'
complete -c eklavya -n "__fish_eklavya_using_subcommand build" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eklavya -n "__fish_eklavya_using_subcommand verify" -l record -d 'Record the answers of the model to this file, as a rehearsal' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand verify" -l output -d 'Format of results' -r -f -a "table\t'Text for people'
json\t'One JSON document'
jsonl\t'One JSON document per line, one for each element of a list'"
complete -c eklavya -n "__fish_eklavya_using_subcommand verify" -l home -d 'Data directory; overrides EKLAVYA_HOME' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand verify" -l set -d 'Set a configuration key for this run; see `eklavya config show`' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand verify" -l wait -d 'Wait for another process that works on this project, instead of failing'
complete -c eklavya -n "__fish_eklavya_using_subcommand verify" -l detach -d 'Queue the work for a background worker and return at once; starts a worker if none is running'
complete -c eklavya -n "__fish_eklavya_using_subcommand verify" -s q -l quiet -d 'Print only results and errors'
complete -c eklavya -n "__fish_eklavya_using_subcommand verify" -s v -l verbose -d 'Log more to stderr: -v for info, -vv for debug, -vvv for trace'
complete -c eklavya -n "__fish_eklavya_using_subcommand verify" -s y -l yes -d 'Ask no questions: confirm, and use the defaults'
complete -c eklavya -n "__fish_eklavya_using_subcommand verify" -l no-sandbox -d 'Run agents without a sandbox: they can read and change everything that you can'
complete -c eklavya -n "__fish_eklavya_using_subcommand verify" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eklavya -n "__fish_eklavya_using_subcommand deliver" -l record -d 'Record the answers of the model to this file, as a rehearsal' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand deliver" -l output -d 'Format of results' -r -f -a "table\t'Text for people'
json\t'One JSON document'
jsonl\t'One JSON document per line, one for each element of a list'"
complete -c eklavya -n "__fish_eklavya_using_subcommand deliver" -l home -d 'Data directory; overrides EKLAVYA_HOME' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand deliver" -l set -d 'Set a configuration key for this run; see `eklavya config show`' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand deliver" -l wait -d 'Wait for another process that works on this project, instead of failing'
complete -c eklavya -n "__fish_eklavya_using_subcommand deliver" -l detach -d 'Queue the work for a background worker and return at once; starts a worker if none is running'
complete -c eklavya -n "__fish_eklavya_using_subcommand deliver" -s q -l quiet -d 'Print only results and errors'
complete -c eklavya -n "__fish_eklavya_using_subcommand deliver" -s v -l verbose -d 'Log more to stderr: -v for info, -vv for debug, -vvv for trace'
complete -c eklavya -n "__fish_eklavya_using_subcommand deliver" -s y -l yes -d 'Ask no questions: confirm, and use the defaults'
complete -c eklavya -n "__fish_eklavya_using_subcommand deliver" -l no-sandbox -d 'Run agents without a sandbox: they can read and change everything that you can'
complete -c eklavya -n "__fish_eklavya_using_subcommand deliver" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eklavya -n "__fish_eklavya_using_subcommand status" -l output -d 'Format of results' -r -f -a "table\t'Text for people'
json\t'One JSON document'
jsonl\t'One JSON document per line, one for each element of a list'"
complete -c eklavya -n "__fish_eklavya_using_subcommand status" -l home -d 'Data directory; overrides EKLAVYA_HOME' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand status" -l set -d 'Set a configuration key for this run; see `eklavya config show`' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand status" -s w -l watch -d 'Print the status again on each change, until Ctrl-C'
complete -c eklavya -n "__fish_eklavya_using_subcommand status" -s q -l quiet -d 'Print only results and errors'
complete -c eklavya -n "__fish_eklavya_using_subcommand status" -s v -l verbose -d 'Log more to stderr: -v for info, -vv for debug, -vvv for trace'
complete -c eklavya -n "__fish_eklavya_using_subcommand status" -s y -l yes -d 'Ask no questions: confirm, and use the defaults'
complete -c eklavya -n "__fish_eklavya_using_subcommand status" -l no-sandbox -d 'Run agents without a sandbox: they can read and change everything that you can'
complete -c eklavya -n "__fish_eklavya_using_subcommand status" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eklavya -n "__fish_eklavya_using_subcommand events; and not __fish_seen_subcommand_from tail schema" -l output -d 'Format of results' -r -f -a "table\t'Text for people'
json\t'One JSON document'
jsonl\t'One JSON document per line, one for each element of a list'"
complete -c eklavya -n "__fish_eklavya_using_subcommand events; and not __fish_seen_subcommand_from tail schema" -l home -d 'Data directory; overrides EKLAVYA_HOME' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand events; and not __fish_seen_subcommand_from tail schema" -l set -d 'Set a configuration key for this run; see `eklavya config show`' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand events; and not __fish_seen_subcommand_from tail schema" -s q -l quiet -d 'Print only results and errors'
complete -c eklavya -n "__fish_eklavya_using_subcommand events; and not __fish_seen_subcommand_from tail schema" -s v -l verbose -d 'Log more to stderr: -v for info, -vv for debug, -vvv for trace'
complete -c eklavya -n "__fish_eklavya_using_subcommand events; and not __fish_seen_subcommand_from tail schema" -s y -l yes -d 'Ask no questions: confirm, and use the defaults'
complete -c eklavya -n "__fish_eklavya_using_subcommand events; and not __fish_seen_subcommand_from tail schema" -l no-sandbox -d 'Run agents without a sandbox: they can read and change everything that you can'
complete -c eklavya -n "__fish_eklavya_using_subcommand events; and not __fish_seen_subcommand_from tail schema" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eklavya -n "__fish_eklavya_using_subcommand events; and not __fish_seen_subcommand_from tail schema" -f -a "tail" -d 'Print events, oldest first'
complete -c eklavya -n "__fish_eklavya_using_subcommand events; and not __fish_seen_subcommand_from tail schema" -f -a "schema" -d 'Print the JSON schema of the lines that `events tail --output jsonl` prints'
complete -c eklavya -n "__fish_eklavya_using_subcommand events; and __fish_seen_subcommand_from tail" -l since -d 'Print all events after the event with this seq; 0 prints all events' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand events; and __fish_seen_subcommand_from tail" -l output -d 'Format of results' -r -f -a "table\t'Text for people'
json\t'One JSON document'
jsonl\t'One JSON document per line, one for each element of a list'"
complete -c eklavya -n "__fish_eklavya_using_subcommand events; and __fish_seen_subcommand_from tail" -l home -d 'Data directory; overrides EKLAVYA_HOME' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand events; and __fish_seen_subcommand_from tail" -l set -d 'Set a configuration key for this run; see `eklavya config show`' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand events; and __fish_seen_subcommand_from tail" -s f -l follow -d 'Keep printing new events until Ctrl-C; without --since, print only new events'
complete -c eklavya -n "__fish_eklavya_using_subcommand events; and __fish_seen_subcommand_from tail" -s q -l quiet -d 'Print only results and errors'
complete -c eklavya -n "__fish_eklavya_using_subcommand events; and __fish_seen_subcommand_from tail" -s v -l verbose -d 'Log more to stderr: -v for info, -vv for debug, -vvv for trace'
complete -c eklavya -n "__fish_eklavya_using_subcommand events; and __fish_seen_subcommand_from tail" -s y -l yes -d 'Ask no questions: confirm, and use the defaults'
complete -c eklavya -n "__fish_eklavya_using_subcommand events; and __fish_seen_subcommand_from tail" -l no-sandbox -d 'Run agents without a sandbox: they can read and change everything that you can'
complete -c eklavya -n "__fish_eklavya_using_subcommand events; and __fish_seen_subcommand_from tail" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eklavya -n "__fish_eklavya_using_subcommand events; and __fish_seen_subcommand_from schema" -l output -d 'Format of results' -r -f -a "table\t'Text for people'
json\t'One JSON document'
jsonl\t'One JSON document per line, one for each element of a list'"
complete -c eklavya -n "__fish_eklavya_using_subcommand events; and __fish_seen_subcommand_from schema" -l home -d 'Data directory; overrides EKLAVYA_HOME' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand events; and __fish_seen_subcommand_from schema" -l set -d 'Set a configuration key for this run; see `eklavya config show`' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand events; and __fish_seen_subcommand_from schema" -s q -l quiet -d 'Print only results and errors'
complete -c eklavya -n "__fish_eklavya_using_subcommand events; and __fish_seen_subcommand_from schema" -s v -l verbose -d 'Log more to stderr: -v for info, -vv for debug, -vvv for trace'
complete -c eklavya -n "__fish_eklavya_using_subcommand events; and __fish_seen_subcommand_from schema" -s y -l yes -d 'Ask no questions: confirm, and use the defaults'
complete -c eklavya -n "__fish_eklavya_using_subcommand events; and __fish_seen_subcommand_from schema" -l no-sandbox -d 'Run agents without a sandbox: they can read and change everything that you can'
complete -c eklavya -n "__fish_eklavya_using_subcommand events; and __fish_seen_subcommand_from schema" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eklavya -n "__fish_eklavya_using_subcommand agents; and not __fish_seen_subcommand_from ps logs kill" -l output -d 'Format of results' -r -f -a "table\t'Text for people'
json\t'One JSON document'
jsonl\t'One JSON document per line, one for each element of a list'"
complete -c eklavya -n "__fish_eklavya_using_subcommand agents; and not __fish_seen_subcommand_from ps logs kill" -l home -d 'Data directory; overrides EKLAVYA_HOME' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand agents; and not __fish_seen_subcommand_from ps logs kill" -l set -d 'Set a configuration key for this run; see `eklavya config show`' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand agents; and not __fish_seen_subcommand_from ps logs kill" -s q -l quiet -d 'Print only results and errors'
complete -c eklavya -n "__fish_eklavya_using_subcommand agents; and not __fish_seen_subcommand_from ps logs kill" -s v -l verbose -d 'Log more to stderr: -v for info, -vv for debug, -vvv for trace'
complete -c eklavya -n "__fish_eklavya_using_subcommand agents; and not __fish_seen_subcommand_from ps logs kill" -s y -l yes -d 'Ask no questions: confirm, and use the defaults'
complete -c eklavya -n "__fish_eklavya_using_subcommand agents; and not __fish_seen_subcommand_from ps logs kill" -l no-sandbox -d 'Run agents without a sandbox: they can read and change everything that you can'
complete -c eklavya -n "__fish_eklavya_using_subcommand agents; and not __fish_seen_subcommand_from ps logs kill" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eklavya -n "__fish_eklavya_using_subcommand agents; and not __fish_seen_subcommand_from ps logs kill" -f -a "ps" -d 'List running agents'
complete -c eklavya -n "__fish_eklavya_using_subcommand agents; and not __fish_seen_subcommand_from ps logs kill" -f -a "logs" -d 'Print the transcript of an agent'
complete -c eklavya -n "__fish_eklavya_using_subcommand agents; and not __fish_seen_subcommand_from ps logs kill" -f -a "kill" -d 'Kill agents and their processes; their tasks can be retried'
complete -c eklavya -n "__fish_eklavya_using_subcommand agents; and __fish_seen_subcommand_from ps" -l output -d 'Format of results' -r -f -a "table\t'Text for people'
json\t'One JSON document'
jsonl\t'One JSON document per line, one for each element of a list'"
complete -c eklavya -n "__fish_eklavya_using_subcommand agents; and __fish_seen_subcommand_from ps" -l home -d 'Data directory; overrides EKLAVYA_HOME' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand agents; and __fish_seen_subcommand_from ps" -l set -d 'Set a configuration key for this run; see `eklavya config show`' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand agents; and __fish_seen_subcommand_from ps" -s a -l all -d 'Include agents that have ended'
complete -c eklavya -n "__fish_eklavya_using_subcommand agents; and __fish_seen_subcommand_from ps" -s q -l quiet -d 'Print only results and errors'
complete -c eklavya -n "__fish_eklavya_using_subcommand agents; and __fish_seen_subcommand_from ps" -s v -l verbose -d 'Log more to stderr: -v for info, -vv for debug, -vvv for trace'
complete -c eklavya -n "__fish_eklavya_using_subcommand agents; and __fish_seen_subcommand_from ps" -s y -l yes -d 'Ask no questions: confirm, and use the defaults'
complete -c eklavya -n "__fish_eklavya_using_subcommand agents; and __fish_seen_subcommand_from ps" -l no-sandbox -d 'Run agents without a sandbox: they can read and change everything that you can'
complete -c eklavya -n "__fish_eklavya_using_subcommand agents; and __fish_seen_subcommand_from ps" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eklavya -n "__fish_eklavya_using_subcommand agents; and __fish_seen_subcommand_from logs" -l output -d 'Format of results' -r -f -a "table\t'Text for people'
json\t'One JSON document'
jsonl\t'One JSON document per line, one for each element of a list'"
complete -c eklavya -n "__fish_eklavya_using_subcommand agents; and __fish_seen_subcommand_from logs" -l home -d 'Data directory; overrides EKLAVYA_HOME' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand agents; and __fish_seen_subcommand_from logs" -l set -d 'Set a configuration key for this run; see `eklavya config show`' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand agents; and __fish_seen_subcommand_from logs" -s f -l follow -d 'Keep printing new records until the agent ends'
complete -c eklavya -n "__fish_eklavya_using_subcommand agents; and __fish_seen_subcommand_from logs" -s q -l quiet -d 'Print only results and errors'
complete -c eklavya -n "__fish_eklavya_using_subcommand agents; and __fish_seen_subcommand_from logs" -s v -l verbose -d 'Log more to stderr: -v for info, -vv for debug, -vvv for trace'
complete -c eklavya -n "__fish_eklavya_using_subcommand agents; and __fish_seen_subcommand_from logs" -s y -l yes -d 'Ask no questions: confirm, and use the defaults'
complete -c eklavya -n "__fish_eklavya_using_subcommand agents; and __fish_seen_subcommand_from logs" -l no-sandbox -d 'Run agents without a sandbox: they can read and change everything that you can'
complete -c eklavya -n "__fish_eklavya_using_subcommand agents; and __fish_seen_subcommand_from logs" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eklavya -n "__fish_eklavya_using_subcommand agents; and __fish_seen_subcommand_from kill" -l output -d 'Format of results' -r -f -a "table\t'Text for people'
json\t'One JSON document'
jsonl\t'One JSON document per line, one for each element of a list'"
complete -c eklavya -n "__fish_eklavya_using_subcommand agents; and __fish_seen_subcommand_from kill" -l home -d 'Data directory; overrides EKLAVYA_HOME' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand agents; and __fish_seen_subcommand_from kill" -l set -d 'Set a configuration key for this run; see `eklavya config show`' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand agents; and __fish_seen_subcommand_from kill" -l all -d 'Kill every running agent'
complete -c eklavya -n "__fish_eklavya_using_subcommand agents; and __fish_seen_subcommand_from kill" -s q -l quiet -d 'Print only results and errors'
complete -c eklavya -n "__fish_eklavya_using_subcommand agents; and __fish_seen_subcommand_from kill" -s v -l verbose -d 'Log more to stderr: -v for info, -vv for debug, -vvv for trace'
complete -c eklavya -n "__fish_eklavya_using_subcommand agents; and __fish_seen_subcommand_from kill" -s y -l yes -d 'Ask no questions: confirm, and use the defaults'
complete -c eklavya -n "__fish_eklavya_using_subcommand agents; and __fish_seen_subcommand_from kill" -l no-sandbox -d 'Run agents without a sandbox: they can read and change everything that you can'
complete -c eklavya -n "__fish_eklavya_using_subcommand agents; and __fish_seen_subcommand_from kill" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eklavya -n "__fish_eklavya_using_subcommand tasks; and not __fish_seen_subcommand_from list ls show retry" -l output -d 'Format of results' -r -f -a "table\t'Text for people'
json\t'One JSON document'
jsonl\t'One JSON document per line, one for each element of a list'"
complete -c eklavya -n "__fish_eklavya_using_subcommand tasks; and not __fish_seen_subcommand_from list ls show retry" -l home -d 'Data directory; overrides EKLAVYA_HOME' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand tasks; and not __fish_seen_subcommand_from list ls show retry" -l set -d 'Set a configuration key for this run; see `eklavya config show`' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand tasks; and not __fish_seen_subcommand_from list ls show retry" -s q -l quiet -d 'Print only results and errors'
complete -c eklavya -n "__fish_eklavya_using_subcommand tasks; and not __fish_seen_subcommand_from list ls show retry" -s v -l verbose -d 'Log more to stderr: -v for info, -vv for debug, -vvv for trace'
complete -c eklavya -n "__fish_eklavya_using_subcommand tasks; and not __fish_seen_subcommand_from list ls show retry" -s y -l yes -d 'Ask no questions: confirm, and use the defaults'
complete -c eklavya -n "__fish_eklavya_using_subcommand tasks; and not __fish_seen_subcommand_from list ls show retry" -l no-sandbox -d 'Run agents without a sandbox: they can read and change everything that you can'
complete -c eklavya -n "__fish_eklavya_using_subcommand tasks; and not __fish_seen_subcommand_from list ls show retry" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eklavya -n "__fish_eklavya_using_subcommand tasks; and not __fish_seen_subcommand_from list ls show retry" -f -a "list" -d 'List the tasks of a project'
complete -c eklavya -n "__fish_eklavya_using_subcommand tasks; and not __fish_seen_subcommand_from list ls show retry" -f -a "ls" -d 'List the tasks of a project'
complete -c eklavya -n "__fish_eklavya_using_subcommand tasks; and not __fish_seen_subcommand_from list ls show retry" -f -a "show" -d 'Show a task with its description, criteria and screenshots'
complete -c eklavya -n "__fish_eklavya_using_subcommand tasks; and not __fish_seen_subcommand_from list ls show retry" -f -a "retry" -d 'Retry a blocked task, with your answer to its question'
complete -c eklavya -n "__fish_eklavya_using_subcommand tasks; and __fish_seen_subcommand_from list" -l output -d 'Format of results' -r -f -a "table\t'Text for people'
json\t'One JSON document'
jsonl\t'One JSON document per line, one for each element of a list'"
complete -c eklavya -n "__fish_eklavya_using_subcommand tasks; and __fish_seen_subcommand_from list" -l home -d 'Data directory; overrides EKLAVYA_HOME' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand tasks; and __fish_seen_subcommand_from list" -l set -d 'Set a configuration key for this run; see `eklavya config show`' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand tasks; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Print only results and errors'
complete -c eklavya -n "__fish_eklavya_using_subcommand tasks; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Log more to stderr: -v for info, -vv for debug, -vvv for trace'
complete -c eklavya -n "__fish_eklavya_using_subcommand tasks; and __fish_seen_subcommand_from list" -s y -l yes -d 'Ask no questions: confirm, and use the defaults'
complete -c eklavya -n "__fish_eklavya_using_subcommand tasks; and __fish_seen_subcommand_from list" -l no-sandbox -d 'Run agents without a sandbox: they can read and change everything that you can'
complete -c eklavya -n "__fish_eklavya_using_subcommand tasks; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eklavya -n "__fish_eklavya_using_subcommand tasks; and __fish_seen_subcommand_from ls" -l output -d 'Format of results' -r -f -a "table\t'Text for people'
json\t'One JSON document'
jsonl\t'One JSON document per line, one for each element of a list'"
complete -c eklavya -n "__fish_eklavya_using_subcommand tasks; and __fish_seen_subcommand_from ls" -l home -d 'Data directory; overrides EKLAVYA_HOME' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand tasks; and __fish_seen_subcommand_from ls" -l set -d 'Set a configuration key for this run; see `eklavya config show`' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand tasks; and __fish_seen_subcommand_from ls" -s q -l quiet -d 'Print only results and errors'
complete -c eklavya -n "__fish_eklavya_using_subcommand tasks; and __fish_seen_subcommand_from ls" -s v -l verbose -d 'Log more to stderr: -v for info, -vv for debug, -vvv for trace'
complete -c eklavya -n "__fish_eklavya_using_subcommand tasks; and __fish_seen_subcommand_from ls" -s y -l yes -d 'Ask no questions: confirm, and use the defaults'
complete -c eklavya -n "__fish_eklavya_using_subcommand tasks; and __fish_seen_subcommand_from ls" -l no-sandbox -d 'Run agents without a sandbox: they can read and change everything that you can'
complete -c eklavya -n "__fish_eklavya_using_subcommand tasks; and __fish_seen_subcommand_from ls" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eklavya -n "__fish_eklavya_using_subcommand tasks; and __fish_seen_subcommand_from show" -l output -d 'Format of results' -r -f -a "table\t'Text for people'
json\t'One JSON document'
jsonl\t'One JSON document per line, one for each element of a list'"
complete -c eklavya -n "__fish_eklavya_using_subcommand tasks; and __fish_seen_subcommand_from show" -l home -d 'Data directory; overrides EKLAVYA_HOME' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand tasks; and __fish_seen_subcommand_from show" -l set -d 'Set a configuration key for this run; see `eklavya config show`' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand tasks; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Print only results and errors'
complete -c eklavya -n "__fish_eklavya_using_subcommand tasks; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Log more to stderr: -v for info, -vv for debug, -vvv for trace'
complete -c eklavya -n "__fish_eklavya_using_subcommand tasks; and __fish_seen_subcommand_from show" -s y -l yes -d 'Ask no questions: confirm, and use the defaults'
complete -c eklavya -n "__fish_eklavya_using_subcommand tasks; and __fish_seen_subcommand_from show" -l no-sandbox -d 'Run agents without a sandbox: they can read and change everything that you can'
complete -c eklavya -n "__fish_eklavya_using_subcommand tasks; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eklavya -n "__fish_eklavya_using_subcommand tasks; and __fish_seen_subcommand_from retry" -l answer -l feedback -d 'What the next attempt must know' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand tasks; and __fish_seen_subcommand_from retry" -l output -d 'Format of results' -r -f -a "table\t'Text for people'
json\t'One JSON document'
jsonl\t'One JSON document per line, one for each element of a list'"
complete -c eklavya -n "__fish_eklavya_using_subcommand tasks; and __fish_seen_subcommand_from retry" -l home -d 'Data directory; overrides EKLAVYA_HOME' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand tasks; and __fish_seen_subcommand_from retry" -l set -d 'Set a configuration key for this run; see `eklavya config show`' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand tasks; and __fish_seen_subcommand_from retry" -s q -l quiet -d 'Print only results and errors'
complete -c eklavya -n "__fish_eklavya_using_subcommand tasks; and __fish_seen_subcommand_from retry" -s v -l verbose -d 'Log more to stderr: -v for info, -vv for debug, -vvv for trace'
complete -c eklavya -n "__fish_eklavya_using_subcommand tasks; and __fish_seen_subcommand_from retry" -s y -l yes -d 'Ask no questions: confirm, and use the defaults'
complete -c eklavya -n "__fish_eklavya_using_subcommand tasks; and __fish_seen_subcommand_from retry" -l no-sandbox -d 'Run agents without a sandbox: they can read and change everything that you can'
complete -c eklavya -n "__fish_eklavya_using_subcommand tasks; and __fish_seen_subcommand_from retry" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eklavya -n "__fish_eklavya_using_subcommand jobs; and not __fish_seen_subcommand_from list ls show cancel" -l output -d 'Format of results' -r -f -a "table\t'Text for people'
json\t'One JSON document'
jsonl\t'One JSON document per line, one for each element of a list'"
complete -c eklavya -n "__fish_eklavya_using_subcommand jobs; and not __fish_seen_subcommand_from list ls show cancel" -l home -d 'Data directory; overrides EKLAVYA_HOME' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand jobs; and not __fish_seen_subcommand_from list ls show cancel" -l set -d 'Set a configuration key for this run; see `eklavya config show`' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand jobs; and not __fish_seen_subcommand_from list ls show cancel" -s q -l quiet -d 'Print only results and errors'
complete -c eklavya -n "__fish_eklavya_using_subcommand jobs; and not __fish_seen_subcommand_from list ls show cancel" -s v -l verbose -d 'Log more to stderr: -v for info, -vv for debug, -vvv for trace'
complete -c eklavya -n "__fish_eklavya_using_subcommand jobs; and not __fish_seen_subcommand_from list ls show cancel" -s y -l yes -d 'Ask no questions: confirm, and use the defaults'
complete -c eklavya -n "__fish_eklavya_using_subcommand jobs; and not __fish_seen_subcommand_from list ls show cancel" -l no-sandbox -d 'Run agents without a sandbox: they can read and change everything that you can'
complete -c eklavya -n "__fish_eklavya_using_subcommand jobs; and not __fish_seen_subcommand_from list ls show cancel" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eklavya -n "__fish_eklavya_using_subcommand jobs; and not __fish_seen_subcommand_from list ls show cancel" -f -a "list" -d 'List open jobs, oldest first'
complete -c eklavya -n "__fish_eklavya_using_subcommand jobs; and not __fish_seen_subcommand_from list ls show cancel" -f -a "ls" -d 'List open jobs, oldest first'
complete -c eklavya -n "__fish_eklavya_using_subcommand jobs; and not __fish_seen_subcommand_from list ls show cancel" -f -a "show" -d 'Show a job: its status, its worker and its outcome'
complete -c eklavya -n "__fish_eklavya_using_subcommand jobs; and not __fish_seen_subcommand_from list ls show cancel" -f -a "cancel" -d 'Cancel a job; its agents are interrupted, and their work is kept'
complete -c eklavya -n "__fish_eklavya_using_subcommand jobs; and __fish_seen_subcommand_from list" -l output -d 'Format of results' -r -f -a "table\t'Text for people'
json\t'One JSON document'
jsonl\t'One JSON document per line, one for each element of a list'"
complete -c eklavya -n "__fish_eklavya_using_subcommand jobs; and __fish_seen_subcommand_from list" -l home -d 'Data directory; overrides EKLAVYA_HOME' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand jobs; and __fish_seen_subcommand_from list" -l set -d 'Set a configuration key for this run; see `eklavya config show`' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand jobs; and __fish_seen_subcommand_from list" -s a -l all -d 'Include jobs that have ended'
complete -c eklavya -n "__fish_eklavya_using_subcommand jobs; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Print only results and errors'
complete -c eklavya -n "__fish_eklavya_using_subcommand jobs; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Log more to stderr: -v for info, -vv for debug, -vvv for trace'
complete -c eklavya -n "__fish_eklavya_using_subcommand jobs; and __fish_seen_subcommand_from list" -s y -l yes -d 'Ask no questions: confirm, and use the defaults'
complete -c eklavya -n "__fish_eklavya_using_subcommand jobs; and __fish_seen_subcommand_from list" -l no-sandbox -d 'Run agents without a sandbox: they can read and change everything that you can'
complete -c eklavya -n "__fish_eklavya_using_subcommand jobs; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eklavya -n "__fish_eklavya_using_subcommand jobs; and __fish_seen_subcommand_from ls" -l output -d 'Format of results' -r -f -a "table\t'Text for people'
json\t'One JSON document'
jsonl\t'One JSON document per line, one for each element of a list'"
complete -c eklavya -n "__fish_eklavya_using_subcommand jobs; and __fish_seen_subcommand_from ls" -l home -d 'Data directory; overrides EKLAVYA_HOME' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand jobs; and __fish_seen_subcommand_from ls" -l set -d 'Set a configuration key for this run; see `eklavya config show`' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand jobs; and __fish_seen_subcommand_from ls" -s a -l all -d 'Include jobs that have ended'
complete -c eklavya -n "__fish_eklavya_using_subcommand jobs; and __fish_seen_subcommand_from ls" -s q -l quiet -d 'Print only results and errors'
complete -c eklavya -n "__fish_eklavya_using_subcommand jobs; and __fish_seen_subcommand_from ls" -s v -l verbose -d 'Log more to stderr: -v for info, -vv for debug, -vvv for trace'
complete -c eklavya -n "__fish_eklavya_using_subcommand jobs; and __fish_seen_subcommand_from ls" -s y -l yes -d 'Ask no questions: confirm, and use the defaults'
complete -c eklavya -n "__fish_eklavya_using_subcommand jobs; and __fish_seen_subcommand_from ls" -l no-sandbox -d 'Run agents without a sandbox: they can read and change everything that you can'
complete -c eklavya -n "__fish_eklavya_using_subcommand jobs; and __fish_seen_subcommand_from ls" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eklavya -n "__fish_eklavya_using_subcommand jobs; and __fish_seen_subcommand_from show" -l output -d 'Format of results' -r -f -a "table\t'Text for people'
json\t'One JSON document'
jsonl\t'One JSON document per line, one for each element of a list'"
complete -c eklavya -n "__fish_eklavya_using_subcommand jobs; and __fish_seen_subcommand_from show" -l home -d 'Data directory; overrides EKLAVYA_HOME' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand jobs; and __fish_seen_subcommand_from show" -l set -d 'Set a configuration key for this run; see `eklavya config show`' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand jobs; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Print only results and errors'
complete -c eklavya -n "__fish_eklavya_using_subcommand jobs; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Log more to stderr: -v for info, -vv for debug, -vvv for trace'
complete -c eklavya -n "__fish_eklavya_using_subcommand jobs; and __fish_seen_subcommand_from show" -s y -l yes -d 'Ask no questions: confirm, and use the defaults'
complete -c eklavya -n "__fish_eklavya_using_subcommand jobs; and __fish_seen_subcommand_from show" -l no-sandbox -d 'Run agents without a sandbox: they can read and change everything that you can'
complete -c eklavya -n "__fish_eklavya_using_subcommand jobs; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eklavya -n "__fish_eklavya_using_subcommand jobs; and __fish_seen_subcommand_from cancel" -l output -d 'Format of results' -r -f -a "table\t'Text for people'
json\t'One JSON document'
jsonl\t'One JSON document per line, one for each element of a list'"
complete -c eklavya -n "__fish_eklavya_using_subcommand jobs; and __fish_seen_subcommand_from cancel" -l home -d 'Data directory; overrides EKLAVYA_HOME' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand jobs; and __fish_seen_subcommand_from cancel" -l set -d 'Set a configuration key for this run; see `eklavya config show`' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand jobs; and __fish_seen_subcommand_from cancel" -s q -l quiet -d 'Print only results and errors'
complete -c eklavya -n "__fish_eklavya_using_subcommand jobs; and __fish_seen_subcommand_from cancel" -s v -l verbose -d 'Log more to stderr: -v for info, -vv for debug, -vvv for trace'
complete -c eklavya -n "__fish_eklavya_using_subcommand jobs; and __fish_seen_subcommand_from cancel" -s y -l yes -d 'Ask no questions: confirm, and use the defaults'
complete -c eklavya -n "__fish_eklavya_using_subcommand jobs; and __fish_seen_subcommand_from cancel" -l no-sandbox -d 'Run agents without a sandbox: they can read and change everything that you can'
complete -c eklavya -n "__fish_eklavya_using_subcommand jobs; and __fish_seen_subcommand_from cancel" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eklavya -n "__fish_eklavya_using_subcommand worker; and not __fish_seen_subcommand_from list ls" -l jobs -d 'Number of projects to work on at the same time' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand worker; and not __fish_seen_subcommand_from list ls" -l drain-seconds -d 'How long agents may continue after the first signal' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand worker; and not __fish_seen_subcommand_from list ls" -l output -d 'Format of results' -r -f -a "table\t'Text for people'
json\t'One JSON document'
jsonl\t'One JSON document per line, one for each element of a list'"
complete -c eklavya -n "__fish_eklavya_using_subcommand worker; and not __fish_seen_subcommand_from list ls" -l home -d 'Data directory; overrides EKLAVYA_HOME' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand worker; and not __fish_seen_subcommand_from list ls" -l set -d 'Set a configuration key for this run; see `eklavya config show`' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand worker; and not __fish_seen_subcommand_from list ls" -l until-idle -d 'Exit when no job is left'
complete -c eklavya -n "__fish_eklavya_using_subcommand worker; and not __fish_seen_subcommand_from list ls" -l detached -d 'Detach from the terminal: for a worker that another command starts'
complete -c eklavya -n "__fish_eklavya_using_subcommand worker; and not __fish_seen_subcommand_from list ls" -s q -l quiet -d 'Print only results and errors'
complete -c eklavya -n "__fish_eklavya_using_subcommand worker; and not __fish_seen_subcommand_from list ls" -s v -l verbose -d 'Log more to stderr: -v for info, -vv for debug, -vvv for trace'
complete -c eklavya -n "__fish_eklavya_using_subcommand worker; and not __fish_seen_subcommand_from list ls" -s y -l yes -d 'Ask no questions: confirm, and use the defaults'
complete -c eklavya -n "__fish_eklavya_using_subcommand worker; and not __fish_seen_subcommand_from list ls" -l no-sandbox -d 'Run agents without a sandbox: they can read and change everything that you can'
complete -c eklavya -n "__fish_eklavya_using_subcommand worker; and not __fish_seen_subcommand_from list ls" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eklavya -n "__fish_eklavya_using_subcommand worker; and not __fish_seen_subcommand_from list ls" -f -a "list" -d 'List background workers with their age and their jobs'
complete -c eklavya -n "__fish_eklavya_using_subcommand worker; and not __fish_seen_subcommand_from list ls" -f -a "ls" -d 'List background workers with their age and their jobs'
complete -c eklavya -n "__fish_eklavya_using_subcommand worker; and __fish_seen_subcommand_from list" -l output -d 'Format of results' -r -f -a "table\t'Text for people'
json\t'One JSON document'
jsonl\t'One JSON document per line, one for each element of a list'"
complete -c eklavya -n "__fish_eklavya_using_subcommand worker; and __fish_seen_subcommand_from list" -l home -d 'Data directory; overrides EKLAVYA_HOME' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand worker; and __fish_seen_subcommand_from list" -l set -d 'Set a configuration key for this run; see `eklavya config show`' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand worker; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Print only results and errors'
complete -c eklavya -n "__fish_eklavya_using_subcommand worker; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Log more to stderr: -v for info, -vv for debug, -vvv for trace'
complete -c eklavya -n "__fish_eklavya_using_subcommand worker; and __fish_seen_subcommand_from list" -s y -l yes -d 'Ask no questions: confirm, and use the defaults'
complete -c eklavya -n "__fish_eklavya_using_subcommand worker; and __fish_seen_subcommand_from list" -l no-sandbox -d 'Run agents without a sandbox: they can read and change everything that you can'
complete -c eklavya -n "__fish_eklavya_using_subcommand worker; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eklavya -n "__fish_eklavya_using_subcommand worker; and __fish_seen_subcommand_from ls" -l output -d 'Format of results' -r -f -a "table\t'Text for people'
json\t'One JSON document'
jsonl\t'One JSON document per line, one for each element of a list'"
complete -c eklavya -n "__fish_eklavya_using_subcommand worker; and __fish_seen_subcommand_from ls" -l home -d 'Data directory; overrides EKLAVYA_HOME' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand worker; and __fish_seen_subcommand_from ls" -l set -d 'Set a configuration key for this run; see `eklavya config show`' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand worker; and __fish_seen_subcommand_from ls" -s q -l quiet -d 'Print only results and errors'
complete -c eklavya -n "__fish_eklavya_using_subcommand worker; and __fish_seen_subcommand_from ls" -s v -l verbose -d 'Log more to stderr: -v for info, -vv for debug, -vvv for trace'
complete -c eklavya -n "__fish_eklavya_using_subcommand worker; and __fish_seen_subcommand_from ls" -s y -l yes -d 'Ask no questions: confirm, and use the defaults'
complete -c eklavya -n "__fish_eklavya_using_subcommand worker; and __fish_seen_subcommand_from ls" -l no-sandbox -d 'Run agents without a sandbox: they can read and change everything that you can'
complete -c eklavya -n "__fish_eklavya_using_subcommand worker; and __fish_seen_subcommand_from ls" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eklavya -n "__fish_eklavya_using_subcommand budget; and not __fish_seen_subcommand_from show set report" -l output -d 'Format of results' -r -f -a "table\t'Text for people'
json\t'One JSON document'
jsonl\t'One JSON document per line, one for each element of a list'"
complete -c eklavya -n "__fish_eklavya_using_subcommand budget; and not __fish_seen_subcommand_from show set report" -l home -d 'Data directory; overrides EKLAVYA_HOME' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand budget; and not __fish_seen_subcommand_from show set report" -l set -d 'Set a configuration key for this run; see `eklavya config show`' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand budget; and not __fish_seen_subcommand_from show set report" -s q -l quiet -d 'Print only results and errors'
complete -c eklavya -n "__fish_eklavya_using_subcommand budget; and not __fish_seen_subcommand_from show set report" -s v -l verbose -d 'Log more to stderr: -v for info, -vv for debug, -vvv for trace'
complete -c eklavya -n "__fish_eklavya_using_subcommand budget; and not __fish_seen_subcommand_from show set report" -s y -l yes -d 'Ask no questions: confirm, and use the defaults'
complete -c eklavya -n "__fish_eklavya_using_subcommand budget; and not __fish_seen_subcommand_from show set report" -l no-sandbox -d 'Run agents without a sandbox: they can read and change everything that you can'
complete -c eklavya -n "__fish_eklavya_using_subcommand budget; and not __fish_seen_subcommand_from show set report" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eklavya -n "__fish_eklavya_using_subcommand budget; and not __fish_seen_subcommand_from show set report" -f -a "show" -d 'Show limits, and the amounts spent and reserved'
complete -c eklavya -n "__fish_eklavya_using_subcommand budget; and not __fish_seen_subcommand_from show set report" -f -a "set" -d 'Set the limit of a project, of a task or agent, or of all projects together'
complete -c eklavya -n "__fish_eklavya_using_subcommand budget; and not __fish_seen_subcommand_from show set report" -f -a "report" -d 'Report what a project cost, by role, task, agent, model and day'
complete -c eklavya -n "__fish_eklavya_using_subcommand budget; and __fish_seen_subcommand_from show" -l output -d 'Format of results' -r -f -a "table\t'Text for people'
json\t'One JSON document'
jsonl\t'One JSON document per line, one for each element of a list'"
complete -c eklavya -n "__fish_eklavya_using_subcommand budget; and __fish_seen_subcommand_from show" -l home -d 'Data directory; overrides EKLAVYA_HOME' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand budget; and __fish_seen_subcommand_from show" -l set -d 'Set a configuration key for this run; see `eklavya config show`' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand budget; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Print only results and errors'
complete -c eklavya -n "__fish_eklavya_using_subcommand budget; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Log more to stderr: -v for info, -vv for debug, -vvv for trace'
complete -c eklavya -n "__fish_eklavya_using_subcommand budget; and __fish_seen_subcommand_from show" -s y -l yes -d 'Ask no questions: confirm, and use the defaults'
complete -c eklavya -n "__fish_eklavya_using_subcommand budget; and __fish_seen_subcommand_from show" -l no-sandbox -d 'Run agents without a sandbox: they can read and change everything that you can'
complete -c eklavya -n "__fish_eklavya_using_subcommand budget; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eklavya -n "__fish_eklavya_using_subcommand budget; and __fish_seen_subcommand_from set" -l limit -d 'New limit in US dollars; `none` removes the limit' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand budget; and __fish_seen_subcommand_from set" -l task -d 'Set the limit of this task of the project' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand budget; and __fish_seen_subcommand_from set" -l agent -d 'Set the limit of this agent of the project: its id, or a unique prefix of it' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand budget; and __fish_seen_subcommand_from set" -l output -d 'Format of results' -r -f -a "table\t'Text for people'
json\t'One JSON document'
jsonl\t'One JSON document per line, one for each element of a list'"
complete -c eklavya -n "__fish_eklavya_using_subcommand budget; and __fish_seen_subcommand_from set" -l home -d 'Data directory; overrides EKLAVYA_HOME' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand budget; and __fish_seen_subcommand_from set" -l set -d 'Set a configuration key for this run; see `eklavya config show`' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand budget; and __fish_seen_subcommand_from set" -l all -d 'Set the limit of all projects together, instead of `budget.overallUsd`'
complete -c eklavya -n "__fish_eklavya_using_subcommand budget; and __fish_seen_subcommand_from set" -s q -l quiet -d 'Print only results and errors'
complete -c eklavya -n "__fish_eklavya_using_subcommand budget; and __fish_seen_subcommand_from set" -s v -l verbose -d 'Log more to stderr: -v for info, -vv for debug, -vvv for trace'
complete -c eklavya -n "__fish_eklavya_using_subcommand budget; and __fish_seen_subcommand_from set" -s y -l yes -d 'Ask no questions: confirm, and use the defaults'
complete -c eklavya -n "__fish_eklavya_using_subcommand budget; and __fish_seen_subcommand_from set" -l no-sandbox -d 'Run agents without a sandbox: they can read and change everything that you can'
complete -c eklavya -n "__fish_eklavya_using_subcommand budget; and __fish_seen_subcommand_from set" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eklavya -n "__fish_eklavya_using_subcommand budget; and __fish_seen_subcommand_from report" -l output -d 'Format of results' -r -f -a "table\t'Text for people'
json\t'One JSON document'
jsonl\t'One JSON document per line, one for each element of a list'"
complete -c eklavya -n "__fish_eklavya_using_subcommand budget; and __fish_seen_subcommand_from report" -l home -d 'Data directory; overrides EKLAVYA_HOME' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand budget; and __fish_seen_subcommand_from report" -l set -d 'Set a configuration key for this run; see `eklavya config show`' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand budget; and __fish_seen_subcommand_from report" -s q -l quiet -d 'Print only results and errors'
complete -c eklavya -n "__fish_eklavya_using_subcommand budget; and __fish_seen_subcommand_from report" -s v -l verbose -d 'Log more to stderr: -v for info, -vv for debug, -vvv for trace'
complete -c eklavya -n "__fish_eklavya_using_subcommand budget; and __fish_seen_subcommand_from report" -s y -l yes -d 'Ask no questions: confirm, and use the defaults'
complete -c eklavya -n "__fish_eklavya_using_subcommand budget; and __fish_seen_subcommand_from report" -l no-sandbox -d 'Run agents without a sandbox: they can read and change everything that you can'
complete -c eklavya -n "__fish_eklavya_using_subcommand budget; and __fish_seen_subcommand_from report" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eklavya -n "__fish_eklavya_using_subcommand secret; and not __fish_seen_subcommand_from set list ls rm rotate" -l output -d 'Format of results' -r -f -a "table\t'Text for people'
json\t'One JSON document'
jsonl\t'One JSON document per line, one for each element of a list'"
complete -c eklavya -n "__fish_eklavya_using_subcommand secret; and not __fish_seen_subcommand_from set list ls rm rotate" -l home -d 'Data directory; overrides EKLAVYA_HOME' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand secret; and not __fish_seen_subcommand_from set list ls rm rotate" -l set -d 'Set a configuration key for this run; see `eklavya config show`' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand secret; and not __fish_seen_subcommand_from set list ls rm rotate" -s q -l quiet -d 'Print only results and errors'
complete -c eklavya -n "__fish_eklavya_using_subcommand secret; and not __fish_seen_subcommand_from set list ls rm rotate" -s v -l verbose -d 'Log more to stderr: -v for info, -vv for debug, -vvv for trace'
complete -c eklavya -n "__fish_eklavya_using_subcommand secret; and not __fish_seen_subcommand_from set list ls rm rotate" -s y -l yes -d 'Ask no questions: confirm, and use the defaults'
complete -c eklavya -n "__fish_eklavya_using_subcommand secret; and not __fish_seen_subcommand_from set list ls rm rotate" -l no-sandbox -d 'Run agents without a sandbox: they can read and change everything that you can'
complete -c eklavya -n "__fish_eklavya_using_subcommand secret; and not __fish_seen_subcommand_from set list ls rm rotate" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eklavya -n "__fish_eklavya_using_subcommand secret; and not __fish_seen_subcommand_from set list ls rm rotate" -f -a "set" -d 'Set a secret of a project; the value is read from stdin, a file, or a hidden prompt'
complete -c eklavya -n "__fish_eklavya_using_subcommand secret; and not __fish_seen_subcommand_from set list ls rm rotate" -f -a "list" -d 'List the secrets of a project with their uses, never their values'
complete -c eklavya -n "__fish_eklavya_using_subcommand secret; and not __fish_seen_subcommand_from set list ls rm rotate" -f -a "ls" -d 'List the secrets of a project with their uses, never their values'
complete -c eklavya -n "__fish_eklavya_using_subcommand secret; and not __fish_seen_subcommand_from set list ls rm rotate" -f -a "rm" -d 'Remove a secret of a project'
complete -c eklavya -n "__fish_eklavya_using_subcommand secret; and not __fish_seen_subcommand_from set list ls rm rotate" -f -a "rotate" -d 'Create a new key, and encrypt the secrets of all projects with it'
complete -c eklavya -n "__fish_eklavya_using_subcommand secret; and __fish_seen_subcommand_from set" -l for -d 'Commands that get the secret: tests, checks, previews (default: none)' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand secret; and __fish_seen_subcommand_from set" -l file -d 'Read the value from this file' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand secret; and __fish_seen_subcommand_from set" -l output -d 'Format of results' -r -f -a "table\t'Text for people'
json\t'One JSON document'
jsonl\t'One JSON document per line, one for each element of a list'"
complete -c eklavya -n "__fish_eklavya_using_subcommand secret; and __fish_seen_subcommand_from set" -l home -d 'Data directory; overrides EKLAVYA_HOME' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand secret; and __fish_seen_subcommand_from set" -l set -d 'Set a configuration key for this run; see `eklavya config show`' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand secret; and __fish_seen_subcommand_from set" -s q -l quiet -d 'Print only results and errors'
complete -c eklavya -n "__fish_eklavya_using_subcommand secret; and __fish_seen_subcommand_from set" -s v -l verbose -d 'Log more to stderr: -v for info, -vv for debug, -vvv for trace'
complete -c eklavya -n "__fish_eklavya_using_subcommand secret; and __fish_seen_subcommand_from set" -s y -l yes -d 'Ask no questions: confirm, and use the defaults'
complete -c eklavya -n "__fish_eklavya_using_subcommand secret; and __fish_seen_subcommand_from set" -l no-sandbox -d 'Run agents without a sandbox: they can read and change everything that you can'
complete -c eklavya -n "__fish_eklavya_using_subcommand secret; and __fish_seen_subcommand_from set" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eklavya -n "__fish_eklavya_using_subcommand secret; and __fish_seen_subcommand_from list" -l output -d 'Format of results' -r -f -a "table\t'Text for people'
json\t'One JSON document'
jsonl\t'One JSON document per line, one for each element of a list'"
complete -c eklavya -n "__fish_eklavya_using_subcommand secret; and __fish_seen_subcommand_from list" -l home -d 'Data directory; overrides EKLAVYA_HOME' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand secret; and __fish_seen_subcommand_from list" -l set -d 'Set a configuration key for this run; see `eklavya config show`' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand secret; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Print only results and errors'
complete -c eklavya -n "__fish_eklavya_using_subcommand secret; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Log more to stderr: -v for info, -vv for debug, -vvv for trace'
complete -c eklavya -n "__fish_eklavya_using_subcommand secret; and __fish_seen_subcommand_from list" -s y -l yes -d 'Ask no questions: confirm, and use the defaults'
complete -c eklavya -n "__fish_eklavya_using_subcommand secret; and __fish_seen_subcommand_from list" -l no-sandbox -d 'Run agents without a sandbox: they can read and change everything that you can'
complete -c eklavya -n "__fish_eklavya_using_subcommand secret; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eklavya -n "__fish_eklavya_using_subcommand secret; and __fish_seen_subcommand_from ls" -l output -d 'Format of results' -r -f -a "table\t'Text for people'
json\t'One JSON document'
jsonl\t'One JSON document per line, one for each element of a list'"
complete -c eklavya -n "__fish_eklavya_using_subcommand secret; and __fish_seen_subcommand_from ls" -l home -d 'Data directory; overrides EKLAVYA_HOME' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand secret; and __fish_seen_subcommand_from ls" -l set -d 'Set a configuration key for this run; see `eklavya config show`' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand secret; and __fish_seen_subcommand_from ls" -s q -l quiet -d 'Print only results and errors'
complete -c eklavya -n "__fish_eklavya_using_subcommand secret; and __fish_seen_subcommand_from ls" -s v -l verbose -d 'Log more to stderr: -v for info, -vv for debug, -vvv for trace'
complete -c eklavya -n "__fish_eklavya_using_subcommand secret; and __fish_seen_subcommand_from ls" -s y -l yes -d 'Ask no questions: confirm, and use the defaults'
complete -c eklavya -n "__fish_eklavya_using_subcommand secret; and __fish_seen_subcommand_from ls" -l no-sandbox -d 'Run agents without a sandbox: they can read and change everything that you can'
complete -c eklavya -n "__fish_eklavya_using_subcommand secret; and __fish_seen_subcommand_from ls" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eklavya -n "__fish_eklavya_using_subcommand secret; and __fish_seen_subcommand_from rm" -l output -d 'Format of results' -r -f -a "table\t'Text for people'
json\t'One JSON document'
jsonl\t'One JSON document per line, one for each element of a list'"
complete -c eklavya -n "__fish_eklavya_using_subcommand secret; and __fish_seen_subcommand_from rm" -l home -d 'Data directory; overrides EKLAVYA_HOME' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand secret; and __fish_seen_subcommand_from rm" -l set -d 'Set a configuration key for this run; see `eklavya config show`' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand secret; and __fish_seen_subcommand_from rm" -s q -l quiet -d 'Print only results and errors'
complete -c eklavya -n "__fish_eklavya_using_subcommand secret; and __fish_seen_subcommand_from rm" -s v -l verbose -d 'Log more to stderr: -v for info, -vv for debug, -vvv for trace'
complete -c eklavya -n "__fish_eklavya_using_subcommand secret; and __fish_seen_subcommand_from rm" -s y -l yes -d 'Ask no questions: confirm, and use the defaults'
complete -c eklavya -n "__fish_eklavya_using_subcommand secret; and __fish_seen_subcommand_from rm" -l no-sandbox -d 'Run agents without a sandbox: they can read and change everything that you can'
complete -c eklavya -n "__fish_eklavya_using_subcommand secret; and __fish_seen_subcommand_from rm" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eklavya -n "__fish_eklavya_using_subcommand secret; and __fish_seen_subcommand_from rotate" -l output -d 'Format of results' -r -f -a "table\t'Text for people'
json\t'One JSON document'
jsonl\t'One JSON document per line, one for each element of a list'"
complete -c eklavya -n "__fish_eklavya_using_subcommand secret; and __fish_seen_subcommand_from rotate" -l home -d 'Data directory; overrides EKLAVYA_HOME' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand secret; and __fish_seen_subcommand_from rotate" -l set -d 'Set a configuration key for this run; see `eklavya config show`' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand secret; and __fish_seen_subcommand_from rotate" -s q -l quiet -d 'Print only results and errors'
complete -c eklavya -n "__fish_eklavya_using_subcommand secret; and __fish_seen_subcommand_from rotate" -s v -l verbose -d 'Log more to stderr: -v for info, -vv for debug, -vvv for trace'
complete -c eklavya -n "__fish_eklavya_using_subcommand secret; and __fish_seen_subcommand_from rotate" -s y -l yes -d 'Ask no questions: confirm, and use the defaults'
complete -c eklavya -n "__fish_eklavya_using_subcommand secret; and __fish_seen_subcommand_from rotate" -l no-sandbox -d 'Run agents without a sandbox: they can read and change everything that you can'
complete -c eklavya -n "__fish_eklavya_using_subcommand secret; and __fish_seen_subcommand_from rotate" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eklavya -n "__fish_eklavya_using_subcommand audit; and not __fish_seen_subcommand_from log verify export" -l output -d 'Format of results' -r -f -a "table\t'Text for people'
json\t'One JSON document'
jsonl\t'One JSON document per line, one for each element of a list'"
complete -c eklavya -n "__fish_eklavya_using_subcommand audit; and not __fish_seen_subcommand_from log verify export" -l home -d 'Data directory; overrides EKLAVYA_HOME' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand audit; and not __fish_seen_subcommand_from log verify export" -l set -d 'Set a configuration key for this run; see `eklavya config show`' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand audit; and not __fish_seen_subcommand_from log verify export" -s q -l quiet -d 'Print only results and errors'
complete -c eklavya -n "__fish_eklavya_using_subcommand audit; and not __fish_seen_subcommand_from log verify export" -s v -l verbose -d 'Log more to stderr: -v for info, -vv for debug, -vvv for trace'
complete -c eklavya -n "__fish_eklavya_using_subcommand audit; and not __fish_seen_subcommand_from log verify export" -s y -l yes -d 'Ask no questions: confirm, and use the defaults'
complete -c eklavya -n "__fish_eklavya_using_subcommand audit; and not __fish_seen_subcommand_from log verify export" -l no-sandbox -d 'Run agents without a sandbox: they can read and change everything that you can'
complete -c eklavya -n "__fish_eklavya_using_subcommand audit; and not __fish_seen_subcommand_from log verify export" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eklavya -n "__fish_eklavya_using_subcommand audit; and not __fish_seen_subcommand_from log verify export" -f -a "log" -d 'Show who did what, newest last'
complete -c eklavya -n "__fish_eklavya_using_subcommand audit; and not __fish_seen_subcommand_from log verify export" -f -a "verify" -d 'Verify that no row of the audit trail was changed or removed'
complete -c eklavya -n "__fish_eklavya_using_subcommand audit; and not __fish_seen_subcommand_from log verify export" -f -a "export" -d 'Export a chain of the audit trail as JSON Lines that can be verified on their own'
complete -c eklavya -n "__fish_eklavya_using_subcommand audit; and __fish_seen_subcommand_from log" -l agent -d 'Only show the entries of this agent: its id, or a unique prefix of it' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand audit; and __fish_seen_subcommand_from log" -l action -d 'Only show actions that start with PREFIX, such as `plan` or `agent.tool`' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand audit; and __fish_seen_subcommand_from log" -l since -d 'Only show entries from this time on (UTC if it has no zone), or after this position' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand audit; and __fish_seen_subcommand_from log" -l limit -d 'Show at most N entries, the newest ones (default: 100, or all with --since)' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand audit; and __fish_seen_subcommand_from log" -l output -d 'Format of results' -r -f -a "table\t'Text for people'
json\t'One JSON document'
jsonl\t'One JSON document per line, one for each element of a list'"
complete -c eklavya -n "__fish_eklavya_using_subcommand audit; and __fish_seen_subcommand_from log" -l home -d 'Data directory; overrides EKLAVYA_HOME' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand audit; and __fish_seen_subcommand_from log" -l set -d 'Set a configuration key for this run; see `eklavya config show`' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand audit; and __fish_seen_subcommand_from log" -l all -d 'Show the entries of all projects and of the installation (the default)'
complete -c eklavya -n "__fish_eklavya_using_subcommand audit; and __fish_seen_subcommand_from log" -l installation -d 'Only show the entries that belong to no project'
complete -c eklavya -n "__fish_eklavya_using_subcommand audit; and __fish_seen_subcommand_from log" -s q -l quiet -d 'Print only results and errors'
complete -c eklavya -n "__fish_eklavya_using_subcommand audit; and __fish_seen_subcommand_from log" -s v -l verbose -d 'Log more to stderr: -v for info, -vv for debug, -vvv for trace'
complete -c eklavya -n "__fish_eklavya_using_subcommand audit; and __fish_seen_subcommand_from log" -s y -l yes -d 'Ask no questions: confirm, and use the defaults'
complete -c eklavya -n "__fish_eklavya_using_subcommand audit; and __fish_seen_subcommand_from log" -l no-sandbox -d 'Run agents without a sandbox: they can read and change everything that you can'
complete -c eklavya -n "__fish_eklavya_using_subcommand audit; and __fish_seen_subcommand_from log" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eklavya -n "__fish_eklavya_using_subcommand audit; and __fish_seen_subcommand_from verify" -l file -d 'Verify a file that `audit export` wrote; needs no data directory and no database' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand audit; and __fish_seen_subcommand_from verify" -l output -d 'Format of results' -r -f -a "table\t'Text for people'
json\t'One JSON document'
jsonl\t'One JSON document per line, one for each element of a list'"
complete -c eklavya -n "__fish_eklavya_using_subcommand audit; and __fish_seen_subcommand_from verify" -l home -d 'Data directory; overrides EKLAVYA_HOME' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand audit; and __fish_seen_subcommand_from verify" -l set -d 'Set a configuration key for this run; see `eklavya config show`' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand audit; and __fish_seen_subcommand_from verify" -l all -d 'Verify every chain (the default)'
complete -c eklavya -n "__fish_eklavya_using_subcommand audit; and __fish_seen_subcommand_from verify" -s q -l quiet -d 'Print only results and errors'
complete -c eklavya -n "__fish_eklavya_using_subcommand audit; and __fish_seen_subcommand_from verify" -s v -l verbose -d 'Log more to stderr: -v for info, -vv for debug, -vvv for trace'
complete -c eklavya -n "__fish_eklavya_using_subcommand audit; and __fish_seen_subcommand_from verify" -s y -l yes -d 'Ask no questions: confirm, and use the defaults'
complete -c eklavya -n "__fish_eklavya_using_subcommand audit; and __fish_seen_subcommand_from verify" -l no-sandbox -d 'Run agents without a sandbox: they can read and change everything that you can'
complete -c eklavya -n "__fish_eklavya_using_subcommand audit; and __fish_seen_subcommand_from verify" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eklavya -n "__fish_eklavya_using_subcommand audit; and __fish_seen_subcommand_from export" -l to -d 'File to write; it must not exist (default: stdout)' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand audit; and __fish_seen_subcommand_from export" -l output -d 'Format of results' -r -f -a "table\t'Text for people'
json\t'One JSON document'
jsonl\t'One JSON document per line, one for each element of a list'"
complete -c eklavya -n "__fish_eklavya_using_subcommand audit; and __fish_seen_subcommand_from export" -l home -d 'Data directory; overrides EKLAVYA_HOME' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand audit; and __fish_seen_subcommand_from export" -l set -d 'Set a configuration key for this run; see `eklavya config show`' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand audit; and __fish_seen_subcommand_from export" -l installation -d 'Export the entries that belong to no project'
complete -c eklavya -n "__fish_eklavya_using_subcommand audit; and __fish_seen_subcommand_from export" -s q -l quiet -d 'Print only results and errors'
complete -c eklavya -n "__fish_eklavya_using_subcommand audit; and __fish_seen_subcommand_from export" -s v -l verbose -d 'Log more to stderr: -v for info, -vv for debug, -vvv for trace'
complete -c eklavya -n "__fish_eklavya_using_subcommand audit; and __fish_seen_subcommand_from export" -s y -l yes -d 'Ask no questions: confirm, and use the defaults'
complete -c eklavya -n "__fish_eklavya_using_subcommand audit; and __fish_seen_subcommand_from export" -l no-sandbox -d 'Run agents without a sandbox: they can read and change everything that you can'
complete -c eklavya -n "__fish_eklavya_using_subcommand audit; and __fish_seen_subcommand_from export" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eklavya -n "__fish_eklavya_using_subcommand roles" -l output -d 'Format of results' -r -f -a "table\t'Text for people'
json\t'One JSON document'
jsonl\t'One JSON document per line, one for each element of a list'"
complete -c eklavya -n "__fish_eklavya_using_subcommand roles" -l home -d 'Data directory; overrides EKLAVYA_HOME' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand roles" -l set -d 'Set a configuration key for this run; see `eklavya config show`' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand roles" -s q -l quiet -d 'Print only results and errors'
complete -c eklavya -n "__fish_eklavya_using_subcommand roles" -s v -l verbose -d 'Log more to stderr: -v for info, -vv for debug, -vvv for trace'
complete -c eklavya -n "__fish_eklavya_using_subcommand roles" -s y -l yes -d 'Ask no questions: confirm, and use the defaults'
complete -c eklavya -n "__fish_eklavya_using_subcommand roles" -l no-sandbox -d 'Run agents without a sandbox: they can read and change everything that you can'
complete -c eklavya -n "__fish_eklavya_using_subcommand roles" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eklavya -n "__fish_eklavya_using_subcommand sandbox; and not __fish_seen_subcommand_from run" -l output -d 'Format of results' -r -f -a "table\t'Text for people'
json\t'One JSON document'
jsonl\t'One JSON document per line, one for each element of a list'"
complete -c eklavya -n "__fish_eklavya_using_subcommand sandbox; and not __fish_seen_subcommand_from run" -l home -d 'Data directory; overrides EKLAVYA_HOME' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand sandbox; and not __fish_seen_subcommand_from run" -l set -d 'Set a configuration key for this run; see `eklavya config show`' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand sandbox; and not __fish_seen_subcommand_from run" -s q -l quiet -d 'Print only results and errors'
complete -c eklavya -n "__fish_eklavya_using_subcommand sandbox; and not __fish_seen_subcommand_from run" -s v -l verbose -d 'Log more to stderr: -v for info, -vv for debug, -vvv for trace'
complete -c eklavya -n "__fish_eklavya_using_subcommand sandbox; and not __fish_seen_subcommand_from run" -s y -l yes -d 'Ask no questions: confirm, and use the defaults'
complete -c eklavya -n "__fish_eklavya_using_subcommand sandbox; and not __fish_seen_subcommand_from run" -l no-sandbox -d 'Run agents without a sandbox: they can read and change everything that you can'
complete -c eklavya -n "__fish_eklavya_using_subcommand sandbox; and not __fish_seen_subcommand_from run" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eklavya -n "__fish_eklavya_using_subcommand sandbox; and not __fish_seen_subcommand_from run" -f -a "run" -d 'Run a command in the sandbox of a role'
complete -c eklavya -n "__fish_eklavya_using_subcommand sandbox; and __fish_seen_subcommand_from run" -l role -d 'The role' -r -f -a "orchestrator\t''
architect\t''
developer\t''
tester\t''
qa\t''
pm\t''
uat\t''
sre\t''
monitor\t''
mentor\t''"
complete -c eklavya -n "__fish_eklavya_using_subcommand sandbox; and __fish_seen_subcommand_from run" -l output -d 'Format of results' -r -f -a "table\t'Text for people'
json\t'One JSON document'
jsonl\t'One JSON document per line, one for each element of a list'"
complete -c eklavya -n "__fish_eklavya_using_subcommand sandbox; and __fish_seen_subcommand_from run" -l home -d 'Data directory; overrides EKLAVYA_HOME' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand sandbox; and __fish_seen_subcommand_from run" -l set -d 'Set a configuration key for this run; see `eklavya config show`' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand sandbox; and __fish_seen_subcommand_from run" -s q -l quiet -d 'Print only results and errors'
complete -c eklavya -n "__fish_eklavya_using_subcommand sandbox; and __fish_seen_subcommand_from run" -s v -l verbose -d 'Log more to stderr: -v for info, -vv for debug, -vvv for trace'
complete -c eklavya -n "__fish_eklavya_using_subcommand sandbox; and __fish_seen_subcommand_from run" -s y -l yes -d 'Ask no questions: confirm, and use the defaults'
complete -c eklavya -n "__fish_eklavya_using_subcommand sandbox; and __fish_seen_subcommand_from run" -l no-sandbox -d 'Run agents without a sandbox: they can read and change everything that you can'
complete -c eklavya -n "__fish_eklavya_using_subcommand sandbox; and __fish_seen_subcommand_from run" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eklavya -n "__fish_eklavya_using_subcommand image; and not __fish_seen_subcommand_from build list ls prune" -l output -d 'Format of results' -r -f -a "table\t'Text for people'
json\t'One JSON document'
jsonl\t'One JSON document per line, one for each element of a list'"
complete -c eklavya -n "__fish_eklavya_using_subcommand image; and not __fish_seen_subcommand_from build list ls prune" -l home -d 'Data directory; overrides EKLAVYA_HOME' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand image; and not __fish_seen_subcommand_from build list ls prune" -l set -d 'Set a configuration key for this run; see `eklavya config show`' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand image; and not __fish_seen_subcommand_from build list ls prune" -s q -l quiet -d 'Print only results and errors'
complete -c eklavya -n "__fish_eklavya_using_subcommand image; and not __fish_seen_subcommand_from build list ls prune" -s v -l verbose -d 'Log more to stderr: -v for info, -vv for debug, -vvv for trace'
complete -c eklavya -n "__fish_eklavya_using_subcommand image; and not __fish_seen_subcommand_from build list ls prune" -s y -l yes -d 'Ask no questions: confirm, and use the defaults'
complete -c eklavya -n "__fish_eklavya_using_subcommand image; and not __fish_seen_subcommand_from build list ls prune" -l no-sandbox -d 'Run agents without a sandbox: they can read and change everything that you can'
complete -c eklavya -n "__fish_eklavya_using_subcommand image; and not __fish_seen_subcommand_from build list ls prune" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eklavya -n "__fish_eklavya_using_subcommand image; and not __fish_seen_subcommand_from build list ls prune" -f -a "build" -d 'Build the two images that agents run in: one with the programs of a base image, one with only git'
complete -c eklavya -n "__fish_eklavya_using_subcommand image; and not __fish_seen_subcommand_from build list ls prune" -f -a "list" -d 'List the images built for agents, by this version of eklavya and by others'
complete -c eklavya -n "__fish_eklavya_using_subcommand image; and not __fish_seen_subcommand_from build list ls prune" -f -a "ls" -d 'List the images built for agents, by this version of eklavya and by others'
complete -c eklavya -n "__fish_eklavya_using_subcommand image; and not __fish_seen_subcommand_from build list ls prune" -f -a "prune" -d 'Remove unused images that were built for agents'
complete -c eklavya -n "__fish_eklavya_using_subcommand image; and __fish_seen_subcommand_from build" -l base -d 'Base image' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand image; and __fish_seen_subcommand_from build" -l output -d 'Format of results' -r -f -a "table\t'Text for people'
json\t'One JSON document'
jsonl\t'One JSON document per line, one for each element of a list'"
complete -c eklavya -n "__fish_eklavya_using_subcommand image; and __fish_seen_subcommand_from build" -l home -d 'Data directory; overrides EKLAVYA_HOME' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand image; and __fish_seen_subcommand_from build" -l set -d 'Set a configuration key for this run; see `eklavya config show`' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand image; and __fish_seen_subcommand_from build" -l pull -d 'Pull the base image even if it exists locally'
complete -c eklavya -n "__fish_eklavya_using_subcommand image; and __fish_seen_subcommand_from build" -s q -l quiet -d 'Print only results and errors'
complete -c eklavya -n "__fish_eklavya_using_subcommand image; and __fish_seen_subcommand_from build" -s v -l verbose -d 'Log more to stderr: -v for info, -vv for debug, -vvv for trace'
complete -c eklavya -n "__fish_eklavya_using_subcommand image; and __fish_seen_subcommand_from build" -s y -l yes -d 'Ask no questions: confirm, and use the defaults'
complete -c eklavya -n "__fish_eklavya_using_subcommand image; and __fish_seen_subcommand_from build" -l no-sandbox -d 'Run agents without a sandbox: they can read and change everything that you can'
complete -c eklavya -n "__fish_eklavya_using_subcommand image; and __fish_seen_subcommand_from build" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eklavya -n "__fish_eklavya_using_subcommand image; and __fish_seen_subcommand_from list" -l output -d 'Format of results' -r -f -a "table\t'Text for people'
json\t'One JSON document'
jsonl\t'One JSON document per line, one for each element of a list'"
complete -c eklavya -n "__fish_eklavya_using_subcommand image; and __fish_seen_subcommand_from list" -l home -d 'Data directory; overrides EKLAVYA_HOME' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand image; and __fish_seen_subcommand_from list" -l set -d 'Set a configuration key for this run; see `eklavya config show`' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand image; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Print only results and errors'
complete -c eklavya -n "__fish_eklavya_using_subcommand image; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Log more to stderr: -v for info, -vv for debug, -vvv for trace'
complete -c eklavya -n "__fish_eklavya_using_subcommand image; and __fish_seen_subcommand_from list" -s y -l yes -d 'Ask no questions: confirm, and use the defaults'
complete -c eklavya -n "__fish_eklavya_using_subcommand image; and __fish_seen_subcommand_from list" -l no-sandbox -d 'Run agents without a sandbox: they can read and change everything that you can'
complete -c eklavya -n "__fish_eklavya_using_subcommand image; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eklavya -n "__fish_eklavya_using_subcommand image; and __fish_seen_subcommand_from ls" -l output -d 'Format of results' -r -f -a "table\t'Text for people'
json\t'One JSON document'
jsonl\t'One JSON document per line, one for each element of a list'"
complete -c eklavya -n "__fish_eklavya_using_subcommand image; and __fish_seen_subcommand_from ls" -l home -d 'Data directory; overrides EKLAVYA_HOME' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand image; and __fish_seen_subcommand_from ls" -l set -d 'Set a configuration key for this run; see `eklavya config show`' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand image; and __fish_seen_subcommand_from ls" -s q -l quiet -d 'Print only results and errors'
complete -c eklavya -n "__fish_eklavya_using_subcommand image; and __fish_seen_subcommand_from ls" -s v -l verbose -d 'Log more to stderr: -v for info, -vv for debug, -vvv for trace'
complete -c eklavya -n "__fish_eklavya_using_subcommand image; and __fish_seen_subcommand_from ls" -s y -l yes -d 'Ask no questions: confirm, and use the defaults'
complete -c eklavya -n "__fish_eklavya_using_subcommand image; and __fish_seen_subcommand_from ls" -l no-sandbox -d 'Run agents without a sandbox: they can read and change everything that you can'
complete -c eklavya -n "__fish_eklavya_using_subcommand image; and __fish_seen_subcommand_from ls" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eklavya -n "__fish_eklavya_using_subcommand image; and __fish_seen_subcommand_from prune" -l output -d 'Format of results' -r -f -a "table\t'Text for people'
json\t'One JSON document'
jsonl\t'One JSON document per line, one for each element of a list'"
complete -c eklavya -n "__fish_eklavya_using_subcommand image; and __fish_seen_subcommand_from prune" -l home -d 'Data directory; overrides EKLAVYA_HOME' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand image; and __fish_seen_subcommand_from prune" -l set -d 'Set a configuration key for this run; see `eklavya config show`' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand image; and __fish_seen_subcommand_from prune" -l all -d 'Also remove the images of this version'
complete -c eklavya -n "__fish_eklavya_using_subcommand image; and __fish_seen_subcommand_from prune" -s q -l quiet -d 'Print only results and errors'
complete -c eklavya -n "__fish_eklavya_using_subcommand image; and __fish_seen_subcommand_from prune" -s v -l verbose -d 'Log more to stderr: -v for info, -vv for debug, -vvv for trace'
complete -c eklavya -n "__fish_eklavya_using_subcommand image; and __fish_seen_subcommand_from prune" -s y -l yes -d 'Ask no questions: confirm, and use the defaults'
complete -c eklavya -n "__fish_eklavya_using_subcommand image; and __fish_seen_subcommand_from prune" -l no-sandbox -d 'Run agents without a sandbox: they can read and change everything that you can'
complete -c eklavya -n "__fish_eklavya_using_subcommand image; and __fish_seen_subcommand_from prune" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eklavya -n "__fish_eklavya_using_subcommand config; and not __fish_seen_subcommand_from show get set" -l output -d 'Format of results' -r -f -a "table\t'Text for people'
json\t'One JSON document'
jsonl\t'One JSON document per line, one for each element of a list'"
complete -c eklavya -n "__fish_eklavya_using_subcommand config; and not __fish_seen_subcommand_from show get set" -l home -d 'Data directory; overrides EKLAVYA_HOME' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand config; and not __fish_seen_subcommand_from show get set" -l set -d 'Set a configuration key for this run; see `eklavya config show`' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand config; and not __fish_seen_subcommand_from show get set" -s q -l quiet -d 'Print only results and errors'
complete -c eklavya -n "__fish_eklavya_using_subcommand config; and not __fish_seen_subcommand_from show get set" -s v -l verbose -d 'Log more to stderr: -v for info, -vv for debug, -vvv for trace'
complete -c eklavya -n "__fish_eklavya_using_subcommand config; and not __fish_seen_subcommand_from show get set" -s y -l yes -d 'Ask no questions: confirm, and use the defaults'
complete -c eklavya -n "__fish_eklavya_using_subcommand config; and not __fish_seen_subcommand_from show get set" -l no-sandbox -d 'Run agents without a sandbox: they can read and change everything that you can'
complete -c eklavya -n "__fish_eklavya_using_subcommand config; and not __fish_seen_subcommand_from show get set" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eklavya -n "__fish_eklavya_using_subcommand config; and not __fish_seen_subcommand_from show get set" -f -a "show" -d 'Show every key with its value and the origin of the value'
complete -c eklavya -n "__fish_eklavya_using_subcommand config; and not __fish_seen_subcommand_from show get set" -f -a "get" -d 'Print the value of a key'
complete -c eklavya -n "__fish_eklavya_using_subcommand config; and not __fish_seen_subcommand_from show get set" -f -a "set" -d 'Set one key in config.yaml, or remove it'
complete -c eklavya -n "__fish_eklavya_using_subcommand config; and __fish_seen_subcommand_from show" -l output -d 'Format of results' -r -f -a "table\t'Text for people'
json\t'One JSON document'
jsonl\t'One JSON document per line, one for each element of a list'"
complete -c eklavya -n "__fish_eklavya_using_subcommand config; and __fish_seen_subcommand_from show" -l home -d 'Data directory; overrides EKLAVYA_HOME' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand config; and __fish_seen_subcommand_from show" -l set -d 'Set a configuration key for this run; see `eklavya config show`' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand config; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Print only results and errors'
complete -c eklavya -n "__fish_eklavya_using_subcommand config; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Log more to stderr: -v for info, -vv for debug, -vvv for trace'
complete -c eklavya -n "__fish_eklavya_using_subcommand config; and __fish_seen_subcommand_from show" -s y -l yes -d 'Ask no questions: confirm, and use the defaults'
complete -c eklavya -n "__fish_eklavya_using_subcommand config; and __fish_seen_subcommand_from show" -l no-sandbox -d 'Run agents without a sandbox: they can read and change everything that you can'
complete -c eklavya -n "__fish_eklavya_using_subcommand config; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eklavya -n "__fish_eklavya_using_subcommand config; and __fish_seen_subcommand_from get" -l output -d 'Format of results' -r -f -a "table\t'Text for people'
json\t'One JSON document'
jsonl\t'One JSON document per line, one for each element of a list'"
complete -c eklavya -n "__fish_eklavya_using_subcommand config; and __fish_seen_subcommand_from get" -l home -d 'Data directory; overrides EKLAVYA_HOME' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand config; and __fish_seen_subcommand_from get" -l set -d 'Set a configuration key for this run; see `eklavya config show`' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand config; and __fish_seen_subcommand_from get" -s q -l quiet -d 'Print only results and errors'
complete -c eklavya -n "__fish_eklavya_using_subcommand config; and __fish_seen_subcommand_from get" -s v -l verbose -d 'Log more to stderr: -v for info, -vv for debug, -vvv for trace'
complete -c eklavya -n "__fish_eklavya_using_subcommand config; and __fish_seen_subcommand_from get" -s y -l yes -d 'Ask no questions: confirm, and use the defaults'
complete -c eklavya -n "__fish_eklavya_using_subcommand config; and __fish_seen_subcommand_from get" -l no-sandbox -d 'Run agents without a sandbox: they can read and change everything that you can'
complete -c eklavya -n "__fish_eklavya_using_subcommand config; and __fish_seen_subcommand_from get" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eklavya -n "__fish_eklavya_using_subcommand config; and __fish_seen_subcommand_from set" -l output -d 'Format of results' -r -f -a "table\t'Text for people'
json\t'One JSON document'
jsonl\t'One JSON document per line, one for each element of a list'"
complete -c eklavya -n "__fish_eklavya_using_subcommand config; and __fish_seen_subcommand_from set" -l home -d 'Data directory; overrides EKLAVYA_HOME' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand config; and __fish_seen_subcommand_from set" -l set -d 'Set a configuration key for this run; see `eklavya config show`' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand config; and __fish_seen_subcommand_from set" -l default -d 'Remove the key from the file, so that its default applies'
complete -c eklavya -n "__fish_eklavya_using_subcommand config; and __fish_seen_subcommand_from set" -s q -l quiet -d 'Print only results and errors'
complete -c eklavya -n "__fish_eklavya_using_subcommand config; and __fish_seen_subcommand_from set" -s v -l verbose -d 'Log more to stderr: -v for info, -vv for debug, -vvv for trace'
complete -c eklavya -n "__fish_eklavya_using_subcommand config; and __fish_seen_subcommand_from set" -s y -l yes -d 'Ask no questions: confirm, and use the defaults'
complete -c eklavya -n "__fish_eklavya_using_subcommand config; and __fish_seen_subcommand_from set" -l no-sandbox -d 'Run agents without a sandbox: they can read and change everything that you can'
complete -c eklavya -n "__fish_eklavya_using_subcommand config; and __fish_seen_subcommand_from set" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eklavya -n "__fish_eklavya_using_subcommand db; and not __fish_seen_subcommand_from status migrate copy" -l output -d 'Format of results' -r -f -a "table\t'Text for people'
json\t'One JSON document'
jsonl\t'One JSON document per line, one for each element of a list'"
complete -c eklavya -n "__fish_eklavya_using_subcommand db; and not __fish_seen_subcommand_from status migrate copy" -l home -d 'Data directory; overrides EKLAVYA_HOME' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand db; and not __fish_seen_subcommand_from status migrate copy" -l set -d 'Set a configuration key for this run; see `eklavya config show`' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand db; and not __fish_seen_subcommand_from status migrate copy" -s q -l quiet -d 'Print only results and errors'
complete -c eklavya -n "__fish_eklavya_using_subcommand db; and not __fish_seen_subcommand_from status migrate copy" -s v -l verbose -d 'Log more to stderr: -v for info, -vv for debug, -vvv for trace'
complete -c eklavya -n "__fish_eklavya_using_subcommand db; and not __fish_seen_subcommand_from status migrate copy" -s y -l yes -d 'Ask no questions: confirm, and use the defaults'
complete -c eklavya -n "__fish_eklavya_using_subcommand db; and not __fish_seen_subcommand_from status migrate copy" -l no-sandbox -d 'Run agents without a sandbox: they can read and change everything that you can'
complete -c eklavya -n "__fish_eklavya_using_subcommand db; and not __fish_seen_subcommand_from status migrate copy" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eklavya -n "__fish_eklavya_using_subcommand db; and not __fish_seen_subcommand_from status migrate copy" -f -a "status" -d 'Show the location, version, schema and size of the database'
complete -c eklavya -n "__fish_eklavya_using_subcommand db; and not __fish_seen_subcommand_from status migrate copy" -f -a "migrate" -d 'Migrate the database to the schema of this version'
complete -c eklavya -n "__fish_eklavya_using_subcommand db; and not __fish_seen_subcommand_from status migrate copy" -f -a "copy" -d 'Copy everything into another database, and compare both row by row'
complete -c eklavya -n "__fish_eklavya_using_subcommand db; and __fish_seen_subcommand_from status" -l output -d 'Format of results' -r -f -a "table\t'Text for people'
json\t'One JSON document'
jsonl\t'One JSON document per line, one for each element of a list'"
complete -c eklavya -n "__fish_eklavya_using_subcommand db; and __fish_seen_subcommand_from status" -l home -d 'Data directory; overrides EKLAVYA_HOME' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand db; and __fish_seen_subcommand_from status" -l set -d 'Set a configuration key for this run; see `eklavya config show`' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand db; and __fish_seen_subcommand_from status" -s q -l quiet -d 'Print only results and errors'
complete -c eklavya -n "__fish_eklavya_using_subcommand db; and __fish_seen_subcommand_from status" -s v -l verbose -d 'Log more to stderr: -v for info, -vv for debug, -vvv for trace'
complete -c eklavya -n "__fish_eklavya_using_subcommand db; and __fish_seen_subcommand_from status" -s y -l yes -d 'Ask no questions: confirm, and use the defaults'
complete -c eklavya -n "__fish_eklavya_using_subcommand db; and __fish_seen_subcommand_from status" -l no-sandbox -d 'Run agents without a sandbox: they can read and change everything that you can'
complete -c eklavya -n "__fish_eklavya_using_subcommand db; and __fish_seen_subcommand_from status" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eklavya -n "__fish_eklavya_using_subcommand db; and __fish_seen_subcommand_from migrate" -l output -d 'Format of results' -r -f -a "table\t'Text for people'
json\t'One JSON document'
jsonl\t'One JSON document per line, one for each element of a list'"
complete -c eklavya -n "__fish_eklavya_using_subcommand db; and __fish_seen_subcommand_from migrate" -l home -d 'Data directory; overrides EKLAVYA_HOME' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand db; and __fish_seen_subcommand_from migrate" -l set -d 'Set a configuration key for this run; see `eklavya config show`' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand db; and __fish_seen_subcommand_from migrate" -l dry-run -d 'Only print what would be done'
complete -c eklavya -n "__fish_eklavya_using_subcommand db; and __fish_seen_subcommand_from migrate" -s q -l quiet -d 'Print only results and errors'
complete -c eklavya -n "__fish_eklavya_using_subcommand db; and __fish_seen_subcommand_from migrate" -s v -l verbose -d 'Log more to stderr: -v for info, -vv for debug, -vvv for trace'
complete -c eklavya -n "__fish_eklavya_using_subcommand db; and __fish_seen_subcommand_from migrate" -s y -l yes -d 'Ask no questions: confirm, and use the defaults'
complete -c eklavya -n "__fish_eklavya_using_subcommand db; and __fish_seen_subcommand_from migrate" -l no-sandbox -d 'Run agents without a sandbox: they can read and change everything that you can'
complete -c eklavya -n "__fish_eklavya_using_subcommand db; and __fish_seen_subcommand_from migrate" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eklavya -n "__fish_eklavya_using_subcommand db; and __fish_seen_subcommand_from copy" -l from -d 'Database to copy' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand db; and __fish_seen_subcommand_from copy" -l to -d 'Database to copy into' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand db; and __fish_seen_subcommand_from copy" -l from-password-file -d 'File with the password of --from' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand db; and __fish_seen_subcommand_from copy" -l to-password-file -d 'File with the password of --to' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand db; and __fish_seen_subcommand_from copy" -l output -d 'Format of results' -r -f -a "table\t'Text for people'
json\t'One JSON document'
jsonl\t'One JSON document per line, one for each element of a list'"
complete -c eklavya -n "__fish_eklavya_using_subcommand db; and __fish_seen_subcommand_from copy" -l home -d 'Data directory; overrides EKLAVYA_HOME' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand db; and __fish_seen_subcommand_from copy" -l set -d 'Set a configuration key for this run; see `eklavya config show`' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand db; and __fish_seen_subcommand_from copy" -s q -l quiet -d 'Print only results and errors'
complete -c eklavya -n "__fish_eklavya_using_subcommand db; and __fish_seen_subcommand_from copy" -s v -l verbose -d 'Log more to stderr: -v for info, -vv for debug, -vvv for trace'
complete -c eklavya -n "__fish_eklavya_using_subcommand db; and __fish_seen_subcommand_from copy" -s y -l yes -d 'Ask no questions: confirm, and use the defaults'
complete -c eklavya -n "__fish_eklavya_using_subcommand db; and __fish_seen_subcommand_from copy" -l no-sandbox -d 'Run agents without a sandbox: they can read and change everything that you can'
complete -c eklavya -n "__fish_eklavya_using_subcommand db; and __fish_seen_subcommand_from copy" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eklavya -n "__fish_eklavya_using_subcommand completions" -l output -d 'Format of results' -r -f -a "table\t'Text for people'
json\t'One JSON document'
jsonl\t'One JSON document per line, one for each element of a list'"
complete -c eklavya -n "__fish_eklavya_using_subcommand completions" -l home -d 'Data directory; overrides EKLAVYA_HOME' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand completions" -l set -d 'Set a configuration key for this run; see `eklavya config show`' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand completions" -s q -l quiet -d 'Print only results and errors'
complete -c eklavya -n "__fish_eklavya_using_subcommand completions" -s v -l verbose -d 'Log more to stderr: -v for info, -vv for debug, -vvv for trace'
complete -c eklavya -n "__fish_eklavya_using_subcommand completions" -s y -l yes -d 'Ask no questions: confirm, and use the defaults'
complete -c eklavya -n "__fish_eklavya_using_subcommand completions" -l no-sandbox -d 'Run agents without a sandbox: they can read and change everything that you can'
complete -c eklavya -n "__fish_eklavya_using_subcommand completions" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c eklavya -n "__fish_eklavya_using_subcommand man" -l directory -d 'Write one page per command to this directory' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand man" -l output -d 'Format of results' -r -f -a "table\t'Text for people'
json\t'One JSON document'
jsonl\t'One JSON document per line, one for each element of a list'"
complete -c eklavya -n "__fish_eklavya_using_subcommand man" -l home -d 'Data directory; overrides EKLAVYA_HOME' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand man" -l set -d 'Set a configuration key for this run; see `eklavya config show`' -r
complete -c eklavya -n "__fish_eklavya_using_subcommand man" -s q -l quiet -d 'Print only results and errors'
complete -c eklavya -n "__fish_eklavya_using_subcommand man" -s v -l verbose -d 'Log more to stderr: -v for info, -vv for debug, -vvv for trace'
complete -c eklavya -n "__fish_eklavya_using_subcommand man" -s y -l yes -d 'Ask no questions: confirm, and use the defaults'
complete -c eklavya -n "__fish_eklavya_using_subcommand man" -l no-sandbox -d 'Run agents without a sandbox: they can read and change everything that you can'
complete -c eklavya -n "__fish_eklavya_using_subcommand man" -s h -l help -d 'Print help (see more with \'--help\')'
