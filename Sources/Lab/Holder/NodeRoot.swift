import CContainer
import CKernel
import Glibc
import MiniRuntime
import NetCore

/// A node's first process: in the node's network, with processes, mounts, semaphores and a host name of the node's own. It reaps
/// what is left there, and ends with the world.
enum NodeRoot {
    /// The node's process runs, with its /proc, /sys and name; gives its pidfd. With `containers` a daemon runs in it, too.
    /// Throws what the kernel said to any of these.
    static func start(_ name: String, containers: ContainerNode? = nil) throws(KernelError) -> Int32 {
        var ends: [Int32] = [-1, -1]
        try check("make a pipe") { berth_new_pipe(&ends) }
        let namespace = try NetworkNamespace(open: try NamedNamespace.path(name))
        var handle: Int32 = -1
        let kinds = UInt64(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS)
        try namespace.inside { () throws(KernelError) in
            let pid = try check("make a process in new namespaces") { berth_clone(kinds, -1, &handle) }
            // Here: what follows this block goes back to the caller's network.
            if pid == 0 { run(name, ends[1], containers) }
        }
        close(ends[1])
        defer { close(ends[0]) }
        let words = try Files.read(ends[0], limit: 65536, operation: "hear of node \(name)")
        guard words.isEmpty else {
            // errno in the first byte: no error number is larger than 133.
            throw KernelError(
                String(decoding: words.dropFirst(), as: UTF8.self), Errno(Int32(words[0])),
                "in a container this takes one whose /proc and /sys are whole (--privileged, or unmask=ALL)")
        }
        return handle
    }

    private static func run(_ name: String, _ answer: Int32, _ containers: ContainerNode?) -> Never {
        if answer != 3 { dup2(answer, 3) }
        _ = berth_close_range(4, .max)
        Title.set("berth-node \(name)")
        setsid()
        let signals = berth_signal_descriptor()
        do throws(KernelError) {
            try check("name node \(name)") { berth_sethostname(name) }
            // While the machine's control groups can be seen, below /sys.
            if let containers { try containers.enterGroup() }
            try Mounts.mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC)
            try Mounts.mountDevices("/sys")
            if let containers {
                try containers.mountGroups()
                try containers.startDaemon()
            }
        } catch {
            let words = [UInt8(truncatingIfNeeded: error.errno.rawValue)] + Array(error.operation.utf8)
            _ = write(3, words, words.count)
            _exit(1)
        }
        close(3)
        while true {
            var polled = pollfd(fd: signals, events: Int16(POLLIN), revents: 0)
            _ = poll(&polled, 1, -1)
            while berth_read_signal(signals) != 0 {}
            Reaping.all()
        }
    }
}

enum Reaping {
    /// Whoever has ended is reaped.
    static func all() {
        var status: Int32 = 0
        while true {
            let pid = waitpid(-1, &status, WNOHANG)
            guard pid > 0 || (pid < 0 && errno == EINTR) else { return }
        }
    }
}

enum Mounts {
    static func mount(_ source: String, _ place: String, _ type: String?, _ flags: Int, _ options: String = "")
        throws(KernelError)
    {
        try check("mount \(type ?? "nothing") on \(place)") { Glibc.mount(source, place, type, UInt(flags), options) }
    }

    /// The devices of the caller's own network. Where a container's masks forbid it, an empty directory: not those of another.
    static func mountDevices(_ place: String) throws(KernelError) {
        let flags = MS_NOSUID | MS_NODEV | MS_NOEXEC
        do throws(KernelError) {
            try mount("sysfs", place, "sysfs", flags)
        } catch  where error.errno == .notPermitted {
            try mount("tmpfs", place, "tmpfs", flags, "mode=555")
        }
    }
}
