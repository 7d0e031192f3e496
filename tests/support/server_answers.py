"""What servers answer when they cannot serve, in the words of Redis 6.2, 7 and 8 and Valkey."""

from __future__ import annotations

from typing import Final

#: A word, and an answer that says it, to any command.
ANSWERS: Final = (
    ("ASK", "ASK 3999 127.0.0.1:6381"),
    ("BUSY", "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE."),
    ("BUSY", "BUSY Valkey is busy running a script. You can only call FUNCTION KILL or SHUTDOWN NOSAVE."),
    ("BUSY", "EXECABORT Transaction discarded because of: BUSY Redis is busy running a script."),
    ("CLUSTERDOWN", "CLUSTERDOWN The cluster is down"),
    ("DENIED", "DENIED Redis is running in protected mode because protected mode is enabled."),
    ("LOADING", "LOADING Redis is loading the dataset in memory"),
    ("MASTERDOWN", "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'."),
    ("MAXCLIENTS", "ERR max number of clients reached"),
    ("MAXCLIENTS", "ERR max number of clients + cluster connections reached"),
    ("MISCONF", "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk."),
    ("MISCONF", "MISCONF Errors writing to the AOF file: No space left on device"),
    ("MOVED", "MOVED 3999 127.0.0.1:6381"),
    ("NOAUTH", "NOAUTH Authentication required."),
    ("NOPERM", "NOPERM this user has no permissions to run the 'set' command or its subcommand"),
    ("NOREPLICAS", "NOREPLICAS Not enough good replicas to write."),
    ("NOSCRIPT", "NOSCRIPT No matching script. Please use EVAL."),
    ("OOM", "OOM command not allowed when used memory > 'maxmemory'."),
    ("OOM", "EXECABORT Transaction discarded because of: OOM command not allowed when used memory > 'maxmemory'."),
    ("READONLY", "READONLY You can't write against a read only replica."),
    ("READONLY", "EXECABORT Transaction discarded because of: -READONLY You can't write against a read only replica."),
    ("TRYAGAIN", "TRYAGAIN Multiple keys request during rehashing of slot"),
    ("UNBLOCKED", "UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)"),
    ("UNKILLABLE", "UNKILLABLE Sorry the script already executed write commands against the dataset."),
    ("WRONGPASS", "WRONGPASS invalid username-password pair or user is disabled."),
)

_OLD: Final = "ERR Error running script (call to f_5a49ba8306684bc05fce5dd7916eaedd6dbf368e): @user_script:1: "
#: The same, where a command of a script was refused.
IN_SCRIPTS: Final = (
    ("OOM", "OOM command not allowed when used memory > 'maxmemory'. script: 5a49ba83, on @user_script:1."),
    ("OOM", f"{_OLD}@user_script: 1: -OOM command not allowed when used memory > 'maxmemory'."),
    ("READONLY", f"{_OLD}@user_script: 1: -READONLY You can't write against a read only replica."),
    ("NOREPLICAS", f"{_OLD}@user_script: 1: -NOREPLICAS Not enough good replicas to write."),
    ("NOREPLICAS", "NOREPLICAS Not enough good replicas to write. script: 5a49ba83, on @user_script:1."),
    ("MISCONF", f"{_OLD}@user_script: 1: -MISCONF Redis is configured to save RDB snapshots, but it cannot."),
    ("CLUSTERDOWN", f"{_OLD}@user_script: 1: -CLUSTERDOWN The cluster is down"),
    ("NOPERM", f"{_OLD}@user_script: 1: The user executing the script can't run this command or subcommand"),
    ("NOPERM", "ERR The user executing the script can't run this command or subcommand script: 5a, on @user_script:1."),
    ("NOPERM", "ERR ACL failure in script: User reader has no permissions to run the 'set' command script: 5a."),
)
