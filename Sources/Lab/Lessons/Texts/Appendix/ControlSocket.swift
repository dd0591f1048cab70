import Glibc
import NetCore

extension Lesson {
    static let controlSocket = Lesson(
        id: "D", title: "The control socket is root", minutes: 5,
        goal: "you have become root of host from a container that was given a socket, and nothing else.",
        world: containerWorld("D"), services: [],
        start: Both(
            LessonCommand(
                "host",
                "mkdir -p -m 700 /run/lab/private; echo root alone >/run/lab/private/note; chmod 600 /run/lab/private/note",
                "a folder of host for root alone")),
        tasks: [
            LessonTask(
                "a client in a container",
                "A build server wants to start containers, and is one itself. Run a container called tool that has the daemon's socket, "
                    + "/run/berth/berth.sock, and the berth command; no other right. (berth needs its libraries: bind their directories, too, read-only.)",
                look: "berth run --help: -v HOST:CONTAINER. berth lab exec host -- command -v berth",
                idea:
                    "A socket is a file: bound into a container it leads to who listens outside. Then berth exec tool berth ps is a client in "
                    + "a container.",
                solution: Both(
                    LessonCommand(
                        "host",
                        "berth run -d --name tool -v /run/berth/berth.sock:/run/berth/berth.sock -v /run/berth/bin/berth:/bin/berth:ro "
                            + libraries + " berth/busybox sleep 600",
                        "the socket, and a client for it"),
                    LessonCommand("host", "berth exec tool berth ps", "it sees host's containers, and itself")),
                checks: [
                    .running("tool", "its rights (CapEff in /proc/PID/status)", "those that every container has") {
                        _, view in
                        let rights = view.status("CapEff").flatMap { UInt64($0, radix: 16) } ?? .max
                        // CAP_SYS_ADMIN (linux/capability.h).
                        let isPlain = rights & (1 << 21) == 0 && view.host?["Privileged"]?.bool != true
                        return (isPlain, isPlain ? "CapEff \(view.status("CapEff") ?? "")" : "it is privileged")
                    },
                    .running("tool", "a client in it (berth ps)", "an answer from the daemon") {
                        look, _ throws(LabError) in
                        let code = try look.execute(["berth", "ps"], in: "tool")
                        return (code == 0, code.map { "exit code \($0)" } ?? "it has not ended within 1.5 s")
                    },
                ]),
            LessonTask(
                "and now be root of host",
                "/run/lab/private is a folder of host's that only root may enter. tool was not given it. Write a file called proof there, from "
                    + "inside tool. (On a machine of your own it might be /etc.)",
                question: Question(
                    "Whom does the daemon ask who may have /run/lab/private in a container?",
                    ["the owner of the folder", "the container tool", "nobody: who may speak to it may have it"],
                    answer: "nobody: who may speak to it may have it"),
                look: "berth lab exec host -- berth exec tool sh: what can you ask the daemon for in there?",
                idea: "tool may ask for another container, with a volume that tool itself does not have.",
                solution: Both(
                    LessonCommand(
                        "host",
                        "berth exec tool berth run --rm -v /run/lab/private:/mnt berth/busybox "
                            + "sh -c 'cat /mnt/note; id -u >/mnt/proof'",
                        "a second container, asked for by the first, has the folder")),
                checks: [
                    .running("tool", "its own mounts", "/run/lab/private is not among them") { _, view in
                        let binds = view.json["Mounts"]?.array?.compactMap { $0["Source"]?.string } ?? []
                        // What is bound from above it would have it, too.
                        let has = binds.first { $0 == "/" || $0 == "/run" || $0.hasPrefix("/run/lab") }
                        return (has == nil, has.map { "it was given \($0)" } ?? "not there")
                    },
                    .proof("/run/lab/private/proof"),
                    .toldOf("tool", "that it came to be (the file proof)") { look, view throws(LabError) in
                        view.text("/run/lab/private/proof") == nil ? nil : "nobody: who may speak to it may have it"
                    },
                ]),
            LessonTask(
                "read-only does not help",
                "Somebody proposes to bind the socket read-only. Run a container called reader that has it so (:ro), and the client.",
                question: Question(
                    "Does the daemon answer a client that has the socket read-only?", ["yes", "no"], answer: "yes"),
                look: "berth lab exec host -- berth exec reader berth ps",
                idea: "Read-only is for what is written to the file system. connect(2) writes nothing there.",
                solution: Both(
                    LessonCommand(
                        "host",
                        "berth run -d --name reader -v /run/berth/berth.sock:/run/berth/berth.sock:ro -v /run/berth/bin/berth:/bin/berth:ro "
                            + libraries + " berth/busybox sleep 600",
                        "the same, read-only"),
                    LessonCommand("host", "berth exec reader berth ps", "it answers")),
                checks: [
                    .running("reader", "the socket among its mounts", "read-only") { _, view in
                        let mount = view.json["Mounts"]?.array?.first {
                            $0["Destination"]?.string == ContainerNode.socket
                        }
                        guard let mount else { return (false, "it does not have it") }
                        return (mount["RW"]?.bool == false, mount["RW"]?.bool == false ? "read-only" : "read and write")
                    },
                    .toldOf("reader", "a client in it (berth ps)") { look, view throws(LabError) in
                        guard view.isRunning, let code = try look.execute(["berth", "ps"], in: "reader") else {
                            return nil
                        }
                        return code == 0 ? "yes" : code == 127 ? nil : "no"
                    },
                ]),
        ],
        kernel:
            "The daemon is root, and does what it is asked for: mounts, devices, rights. It can ask the kernel who is at the other end of the "
            + "socket, but not for whom that one asks. So the socket is a password of root's: whoever has it, by a group, by a bind or by a "
            + "port without TLS, is root of the machine. Give it to nobody whom you would not give that.")

    /// Options that bind the directories of the client's libraries, wherever they are.
    private static let libraries =
        "$(ldd /run/berth/bin/berth | grep -o '/[^ ]*' | xargs -n1 dirname | sort -u | sed 's/.*/-v &:&:ro/')"
}

extension Observation {
    /// A file in a folder of host's that root alone may enter, written by root.
    static func proof(_ path: String) -> Observation {
        Observation("\(path) of host", "there, and written by root") { look throws(LabError) in
            var found = stat()
            guard stat(try look.daemon().root + path, &found) == 0 else { return Sight(false, "it is not there") }
            return Sight(found.st_uid == 0, "written by user \(found.st_uid)")
        }
    }
}
