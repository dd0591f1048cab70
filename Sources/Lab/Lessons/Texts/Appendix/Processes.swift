import NetCore

extension Lesson {
    static let processes = Lesson(
        id: "C", title: "Processes: the first one, and how it ends", minutes: 5,
        goal: "you know a container's first process from inside and outside, and what its end means.",
        world: containerWorld("C"), services: [], start: Both(),
        tasks: [
            LessonTask(
                "number 1",
                "Run a container called box whose program is sleep 600. Host sees that process, too.",
                question: Question(
                    "Which number has sleep inside the container?", ["1", "the same as outside", "0"], answer: "1"),
                look: "berth lab exec host -- berth exec box ps, and berth top box.",
                idea:
                    "A namespace of processes counts from 1; each process has a number in every namespace on the way up (NSpid in /proc/PID/status).",
                solution: Both(
                    LessonCommand(
                        "host", "berth run -d --name box berth/busybox sleep 600", "a container is a process"),
                    LessonCommand("host", "berth exec box ps", "as it is counted inside"),
                    LessonCommand("host", "berth top box", "as host counts it")),
                checks: [
                    .toldOf("box", "NSpid of its process") { _, view in
                        guard let numbers = view.status("NSpid")?.split(separator: "\t"), let inside = numbers.last
                        else { return nil }
                        return inside == "1" ? "1" : numbers.count == 1 ? "the same as outside" : String(inside)
                    }
                ],
                shows: Shown("the numbers") { look throws(LabError) in
                    guard let view = try look.container("box") else { return [] }
                    let numbers = view.status("NSpid")?.split(separator: "\t").map(String.init) ?? []
                    return aligned([
                        ["host", "the container"],
                        [numbers.dropLast().last ?? "", numbers.last ?? ""],
                    ])
                }),
            LessonTask(
                "how programs end",
                "Let three containers end: seven by sh -c 'exit 7', lost by a program that is not there (/no/such), and paper by a file that "
                    + "is no program (/etc/passwd).",
                question: Question(
                    "With which code does berth run end for a program that is not there?", ["1", "125", "126", "127"],
                    answer: "127"),
                look: "echo $? after each berth run --name NAME berth/busybox …",
                idea:
                    "The program's own code is handed on. 127 says that there is no such program, 126 that it cannot be executed, 125 that "
                    + "berth itself failed before: the shell's words, and docker's.",
                solution: Both(
                    LessonCommand(
                        "host", "berth run --name seven berth/busybox sh -c 'exit 7'; echo $?", "the program's own"),
                    LessonCommand(
                        "host", "berth run --name lost berth/busybox /no/such; echo $?", "no such program"),
                    LessonCommand(
                        "host", "berth run --name paper berth/busybox /etc/passwd; echo $?", "not a program")),
                checks: [
                    .ended("seven", "exit code 7") { $0.exitCode == 7 },
                    .ended("paper", "exit code 126") { $0.exitCode == 126 },
                    .ended("lost", "exit code 127") { $0.exitCode == 127 },
                    .toldOf("lost", "its exit code") { _, view in "\(view.exitCode)" },
                ]),
            LessonTask(
                "kill it from outside",
                "berth inspect tells the number that box's first process has in host. End that process by kill -9: no command of berth's.",
                question: Question(
                    "With which exit code has box ended then?", ["9", "0", "137"], answer: "137"),
                look: "berth lab exec host -- berth inspect --format '{{.State.Pid}}' box",
                idea:
                    "There is no container besides the process. 128 and the signal's number is what a shell would say.",
                solution: Both(
                    LessonCommand(
                        "host", "kill -9 $(berth inspect --format '{{.State.Pid}}' box)",
                        "the process, by host's number"),
                    LessonCommand("host", "berth wait box", "how it ended")),
                checks: [
                    .ended("box", "exit code 137, and not for want of memory") {
                        $0.exitCode == 137 && !$0.isOOMKilled
                    },
                    .toldOf("box", "its exit code") { _, view in view.isRunning ? nil : "\(view.exitCode)" },
                ]),
            LessonTask(
                "nobody reaps",
                "A process that has ended stays as a zombie until its parent asks how. Orphans are given to number 1. Run a container called "
                    + "orphan that leaves one to a number 1 that asks nobody: sh -c 'sleep 0.2 & exec sleep 600'.",
                look: "berth lab exec host -- berth exec orphan ps: its state is Z.",
                idea:
                    "exec makes sleep 600 the first process, and the other sleep its child. It never waits for children.",
                solution: Both(
                    LessonCommand(
                        "host",
                        "berth run -d --name orphan berth/busybox sh -c 'sleep 0.2 & exec sleep 600'; sleep 0.5",
                        "a child that nobody waits for")),
                checks: [
                    .running(
                        "orphan", "children of its first process (/proc)", "one that has ended and is not reaped (Z)"
                    ) {
                        _, view in
                        let all = view.children
                        return (
                            all.contains { $0.state == "Z" },
                            all.isEmpty ? "it has none" : all.map { "\($0.name) \($0.state)" }.joined(separator: ", ")
                        )
                    }
                ]),
            LessonTask(
                "an init",
                "Run the same once more, called tidy, with a first process that reaps: --init.",
                look: "berth lab exec host -- berth exec tidy ps",
                idea:
                    "--init puts a small program in front: it starts yours, hands signals on, and waits for whoever is left to it.",
                solution: Both(
                    LessonCommand(
                        "host",
                        "berth run -d --init --name tidy berth/busybox sh -c 'sleep 0.2 & exec sleep 600'; sleep 0.5",
                        "number 1 waits for everybody")),
                checks: [
                    .running("tidy", "its first process, and zombies below it", "not sleep itself, and none") {
                        _, view in
                        let name = view.status("Name") ?? ""
                        let dead = view.children.count { $0.state == "Z" }
                        return (name != "sleep" && name != "sh" && dead == 0, "\(name), \(dead) zombies")
                    }
                ]),
        ],
        kernel:
            "A container is its first process: number 1 in a namespace of processes of its own, with another number outside. When it ends, "
            + "the kernel ends all others there, and its exit code is the container's; a signal makes it 128 and its number. Number 1 gets "
            + "every orphan, and has to wait for them; a program that was not written for that takes --init.")
}
