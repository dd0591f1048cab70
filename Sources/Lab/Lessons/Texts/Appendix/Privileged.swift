import NetCore

extension Lesson {
    static let privileged = Lesson(
        id: "F", title: "--privileged beside the default", minutes: 5,
        goal: "you have seen what a container may not do, and what --privileged takes away of that.",
        world: containerWorld("F"), services: [], start: Both(),
        tasks: [
            LessonTask(
                "root, and yet not",
                "Run a container called plain, and try to mount something in it as its root: mount -t tmpfs none /mnt.",
                question: Question("May it?", ["yes: it is root", "no"], answer: "no"),
                look:
                    "berth lab exec host -- berth exec plain mount -t tmpfs none /mnt; and grep Cap /proc/self/status in it.",
                idea:
                    "Root's power is parted into some forty capabilities (man 7 capabilities). A container has fourteen of them.",
                solution: Both(
                    LessonCommand("host", "berth run -d --name plain berth/busybox sleep 600", "as containers are"),
                    LessonCommand("host", "berth exec plain mount -t tmpfs none /mnt; true", "not permitted")),
                checks: [
                    .running("plain", "its capabilities (CapEff)", "some, and CAP_SYS_ADMIN not among them") {
                        _, view in
                        let rights = view.capabilities
                        return (rights != 0 && rights & (1 << 21) == 0, "\(rights.nonzeroBitCount) of them")
                    },
                    .mayMount("plain"),
                ]),
            LessonTask(
                "with everything",
                "The same with --privileged, called strong. The check lays both side by side.",
                question: Question(
                    "Which filter of system calls (Seccomp in /proc/PID/status) has it?",
                    ["the same as plain", "a smaller one", "none"], answer: "none"),
                look:
                    "berth lab exec host -- berth exec strong grep -E 'Cap|Seccomp' /proc/self/status; ls /dev in both.",
                idea: "--privileged gives all capabilities and all devices, and takes away the filter and the masks.",
                solution: Both(
                    LessonCommand(
                        "host", "berth run -d --name strong --privileged berth/busybox sleep 600",
                        "all walls but the namespaces"),
                    LessonCommand("host", "berth exec strong ls /dev", "host's devices, disks among them")),
                checks: [
                    .running("strong", "its capabilities", "all that the kernel has, CAP_SYS_ADMIN among them") {
                        _, view in
                        let rights = view.capabilities
                        return (
                            rights & (1 << 21) != 0 && rights.nonzeroBitCount > 30, "\(rights.nonzeroBitCount) of them"
                        )
                    },
                    .running("strong", "mount -t tmpfs in it", "may be done") { look, _ throws(LabError) in
                        let code = try look.execute(
                            ["sh", "-c", "mount -t tmpfs none /mnt && umount /mnt"], in: "strong")
                        return (code == 0, code.map { "exit code \($0)" } ?? "it has not ended within 1.5 s")
                    },
                    .running("strong", "the names in its /dev", "more than plain has: host's devices") {
                        look, view throws(LabError) in
                        guard let plain = try look.container("plain"), plain.isRunning else {
                            return (false, "plain does not run, to be compared with")
                        }
                        let (mine, theirs) = (view.names(in: "/dev"), plain.names(in: "/dev"))
                        return (mine > theirs, "\(mine), beside \(theirs)")
                    },
                    .toldOf("strong", "Seccomp, 0 none, 2 a filter") { look, view throws(LabError) in
                        guard let mine = view.status("Seccomp") else { return nil }
                        let plain = try look.container("plain")?.status("Seccomp")
                        return mine == "0" ? "none" : mine == plain ? "the same as plain" : "a smaller one"
                    },
                ],
                shows: .sideBySide(
                    ["plain", "strong"],
                    [
                        .init("capabilities") { "\($0.capabilities.nonzeroBitCount)" },
                        .init("filter of system calls") { $0.status("Seccomp") == "0" ? "none" : "yes" },
                        .init("names in /dev") { "\($0.names(in: "/dev"))" },
                        .init("/proc/sys") { $0.isReadOnly("/proc/sys") ? "read-only" : "may be written" },
                        .init("/sys") { $0.isReadOnly("/sys") ? "read-only" : "may be written" },
                        .init("a process 1 of its own") { $0.status("NSpid")?.hasSuffix("\t1") == true ? "yes" : "no" },
                    ])),
            LessonTask(
                "with nothing",
                "Most programs need none of it. Run a container called bare with --cap-drop ALL, and end strong.",
                look: "berth lab exec host -- berth exec bare chown 1 /tmp",
                idea: "Rights are taken away one by one, or all; --cap-add gives single ones back.",
                solution: Both(
                    LessonCommand(
                        "host", "berth run -d --name bare --cap-drop ALL berth/busybox sleep 600",
                        "root without any right"),
                    LessonCommand("host", "berth exec bare chown 1 /tmp; true", "not permitted"),
                    LessonCommand("host", "berth rm -f strong", "not longer than needed")),
                checks: [
                    .running("bare", "its capabilities", "none") { _, view in
                        (view.capabilities == 0, "\(view.capabilities.nonzeroBitCount) of them")
                    },
                    .running("bare", "chown in it", "not permitted") { look, _ throws(LabError) in
                        let code = try look.execute(["chown", "1", "/tmp"], in: "bare")
                        return (
                            code != nil && code != 0, code.map { "exit code \($0)" } ?? "it has not ended within 1.5 s"
                        )
                    },
                    .removed("strong"),
                ]),
        ],
        kernel:
            "Namespaces decide what a container sees, capabilities and the filter of system calls what its root may do there. --privileged "
            + "leaves the first and takes away the second: all capabilities, no filter, every device of the machine, /proc and /sys to be "
            + "written. Who is root there can be root of the machine. Give single rights (--cap-add, --device) instead."
    )
}

extension Observation {
    /// The learner's answer: may root of that container mount something?
    fileprivate static func mayMount(_ name: String) -> Observation {
        toldOf(name, "mount -t tmpfs in it") { look, view throws(LabError) in
            guard view.isRunning,
                let code = try look.execute(["sh", "-c", "mount -t tmpfs none /mnt && umount /mnt"], in: name)
            else { return nil }
            return code == 0 ? "yes: it is root" : "no"
        }
    }
}

extension ContainerView {
    /// Those that its first process may use: a bit for each (linux/capability.h).
    fileprivate var capabilities: UInt64 { status("CapEff").flatMap { UInt64($0, radix: 16) } ?? 0 }

    /// How many names a directory of its root has.
    fileprivate func names(in path: String) -> Int {
        ((try? Files.names(in: "\(root)/proc/\(pid)/root\(path)")) ?? []).count
    }

    /// A mount of its own there, or the one that it is in, takes no writing.
    fileprivate func isReadOnly(_ path: String) -> Bool {
        let lines = file("mountinfo")?.split(separator: "\n").map { $0.split(separator: " ") } ?? []
        let places = [path, path == "/proc/sys" ? "/proc" : path]
        for place in places {
            if let line = lines.last(where: { $0.count > 5 && $0[4] == place }) {
                return line[5].split(separator: ",").contains("ro")
            }
        }
        return false
    }
}
