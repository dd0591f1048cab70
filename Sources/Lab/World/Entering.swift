import CContainer
import CKernel
import Glibc
import NetCore

extension World {
    /// Runs a command in a node: its network, processes, mounts and host name; directory, environment and standard streams are
    /// the caller's. Gives the command's exit code, 128 and the signal that ended it, 127 when there is no such command, 126 when
    /// it cannot be executed. The calling process must have one thread, and is in the world for good. With `ownGroup` the
    /// command has the terminal for itself, as a shell wants it. What it changes is one change for `undo`, if it is recorded.
    public func run(
        _ words: [String], in name: String, environment: [(String, String)] = [], ownGroup: Bool = false,
        isRecorded: Bool = true
    ) throws(LabError) -> Int32 {
        let node = try handle(try self.node(name).process, "node \(name)")
        let use = try using()
        defer { close(use) }
        let directory = String(cString: getcwd(nil, 0) ?? strdup("/"))
        try enter()
        _ = try during("enter node \(name)") { () throws(KernelError) in
            // Only for children: this process stays where it can see the child's end.
            try check("enter the processes of node \(name)") { berth_setns_kinds(node, Int32(CLONE_NEWPID)) }
        }
        let line = Supervised.start {
            for (key, value) in environment + [("BERTH_LAB_NODE", name)] { setenv(key, value, 1) }
            World.become(words, node, name, directory, ownGroup)
        }
        close(node)
        if isRecorded { _ = RecorderLine.ask(.began, at: recorder, seconds: 2) }
        defer { if isRecorded { noteChange() } }
        return World.wait(line, ownGroup)
    }

    /// The world is in use until the process ends: it does not end for want of use.
    public func keepInUse() throws(LabError) { _ = try using() }

    /// The state file, touched, and locked for as long as the descriptor is open: the world is in use.
    func using() throws(LabError) -> Int32 {
        let file = directory.file(state.holder.pid)
        return try during("use the world") { () throws(KernelError) in
            let opened = try OwnedDescriptor(open: file, O_RDONLY)
            try check("touch \(file)") { futimens(opened.number, nil) }
            try check("lock \(file)") { flock(opened.number, LOCK_SH) }
            return opened.release()
        }
    }

    /// Becomes the command, in the node of that handle. In a forked child.
    static func become(_ words: [String], _ node: Int32, _ name: String, _ directory: String, _ ownGroup: Bool)
        -> Never
    {
        let kinds = Int32(CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC)
        // A node with containers has control groups of its own; into those of another node nobody needs to go, and not everybody may.
        guard berth_setns_kinds(node, kinds | Int32(CLONE_NEWCGROUP)) == 0 || berth_setns_kinds(node, kinds) == 0 else {
            let operation = "enter node \(name)"
            fail(LabError(KernelError(operation, .current), operation), 125)
        }
        // Whoever ends the command from outside ends it in the node as well.
        berth_die_with(SIGKILL)
        if chdir(directory) != 0 { chdir("/") }
        if ownGroup, isatty(0) == 1 {
            setpgid(0, 0)
            signal(SIGTTOU, SIG_IGN)
            tcsetpgrp(0, getpgrp())
        }
        berth_default_signals()
        unsetenv(HeldProgram.directoryVariable)
        // `on`, and berth itself.
        let path =
            getenv("PATH").map { String(cString: $0) } ?? "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        if !path.hasPrefix("\(OnProgram.folder):") { setenv("PATH", "\(OnProgram.folder):\(path)", 1) }
        var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
        execvp(words[0], &arguments)
        let code = Errno.current
        fail(
            LabError(
                .name, "cannot execute \(words[0]) in node \(name)", cause: code.description,
                fix: "a node has the programs of this machine: install it, or take one that PATH leads to"),
            code == .noSuchFile ? 127 : 126)
    }

    private static func fail(_ error: LabError, _ code: Int32) -> Never {
        let line = error.description
        _ = write(STDERR_FILENO, line, line.utf8.count)
        _exit(code)
    }

    private static func wait(_ line: Int32, _ ownGroup: Bool) -> Int32 {
        guard line >= 0 else { return 125 }
        defer { close(line) }
        // The terminal's signals are the command's; it tells by its end what it made of them.
        for number in [SIGINT, SIGQUIT, SIGTTOU] { signal(number, SIG_IGN) }
        let code = Supervised.wait(line)
        if ownGroup, isatty(0) == 1 { tcsetpgrp(0, getpgrp()) }
        return code
    }

    /// As `run`, of a shell whose prompt names world and node. `$SHELL` is not asked: its start-up files may change the prompt.
    public func shell(in name: String) throws(LabError) -> Int32 {
        try run(
            World.shellWords, in: name, environment: World.shellEnvironment(description.name, name), ownGroup: true)
    }

    static var shellWords: [String] {
        let hasBash = access("/bin/bash", X_OK) == 0 || access("/usr/bin/bash", X_OK) == 0
        return hasBash ? ["bash", "--norc", "--noprofile", "-i"] : ["sh", "-i"]
    }

    /// Before each prompt the recorder hears that something was typed.
    static func shellEnvironment(_ world: String, _ node: String) -> [(String, String)] {
        [("PS1", prompt(world, node)), ("PROMPT_COMMAND", ": 2>/dev/null >\(RecorderLine.typed)")]
    }

    static func prompt(_ world: String, _ node: String) -> String { "lab:\(world) \(node) ▸ " }
}
