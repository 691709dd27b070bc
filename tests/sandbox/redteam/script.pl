# What every attempt may use. `%S` has the numbers of system calls, `%P` what the test has prepared on the host.
$| = 1;
my $W = $P{workspace};
my $H = $P{home};

# A system call that succeeds.
sub sys { return raw(@_) != -1 }
# A system call. The arguments are copied, since perl writes to none that is a constant.
sub raw { my ($name, @arguments) = @_; return syscall($S{$name}, @arguments) }
# Writes to a file, making it where it is missing.
sub spew { my ($path) = @_; open(my $f, '>>', $path) or return 0; syswrite($f, "x") or return 0; return close $f }
sub slurp { my ($path) = @_; open(my $f, '<', $path) or return undef; local $/; return scalar <$f> }
# Writes so many bytes to a new file.
sub fill {
    my ($path, $bytes) = @_;
    open(my $f, '>', $path) or return 0;
    my $block = "x" x 65536;
    for (my $done = 0; $done < $bytes; $done += 65536) {
        syswrite($f, $block) or do { my $why = $!; unlink $path; $! = $why; return 0 };
    }
    return unlink $path;
}
sub inet { my ($ip, $port) = @_; return pack('SnC4x8', 2, $port, split(/\./, $ip)) }
# The path of a unix socket; one that begins with a NUL byte has no file.
sub unix { return pack('Sa*', 1, $_[0]) }
# Connects, and hears what only the test on the host says.
sub greeted { my ($s) = @_; sysread($s, my $word, 5); return $word eq "hello" }
sub tcp { my ($ip, $port, $protocol) = @_;
    socket(my $s, 2, 1, $protocol || 0) or return 0;
    connect($s, inet($ip, $port)) or return 0;
    return greeted($s) }
sub local_socket { my ($name) = @_;
    socket(my $s, 1, 1, 0) or return 0;
    connect($s, unix($name)) or return 0;
    return greeted($s) }
# Sends data with the first packet of a connection.
sub fast { my ($ip, $port) = @_;
    socket(my $s, 2, 1, 0) or return 0;
    my $address = inet($ip, $port);
    sys('sendto', fileno($s), "x", 1, 0x20000000, $address, length $address) or return 0;
    return $s }
sub descriptor { my ($fd) = @_; return $fd >= 0 }

# ATTEMPTS

sub leave { exit $_[0] }

# Runs each attempt in a process of its own and tells what came of it.
for my $attempt (@attempts) {
    my ($name, $code) = @$attempt;
    pipe(my $read, my $write);
    my $pid = fork();
    if (!$pid) {
        close $read;
        $SIG{XFSZ} = 'IGNORE';
        alarm 10;
        my $escaped = eval { $code->() };
        my $why = $@ || "$!";
        $why =~ s/\s+/ /g;
        syswrite($write, $why);
        leave($escaped ? 42 : 0);
    }
    close $write;
    my $why = do { local $/; <$read> };
    waitpid($pid, 0);
    my $code_of = $? >> 8;
    print "$name\t", ($code_of == 42 ? "works" : "stopped"), "\t", ($? & 127 ? "signal " . ($? & 127) : $why), "\n";
}
