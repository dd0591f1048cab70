import NetCore

extension Lesson {
    static let copyOnWrite = Lesson(
        id: "E", title: "Copy-on-write: two containers, one layer", minutes: 5,
        goal: "two containers share what they have not changed, and nothing else.",
        world: containerWorld("E"), services: [], start: Both(),
        tasks: [
            LessonTask(
                "one layer for two",
                "Run two containers of the image berth/busybox, one and two, and look what their roots are made of.",
                look:
                    "berth lab exec host -- sh -c 'cat /proc/PID/mountinfo', of the process that berth inspect names: the line whose place is /.",
                idea:
                    "overlay lays directories upon each other: lowerdir is the image's, upperdir takes what is written.",
                solution: Both(
                    LessonCommand(
                        "host", "berth run -d --name one berth/busybox sleep 600", "two containers of one image"),
                    LessonCommand("host", "berth run -d --name two berth/busybox sleep 600"),
                    LessonCommand(
                        "host", "grep ' / / ' /proc/$(berth inspect --format '{{.State.Pid}}' one)/mountinfo",
                        "what one's root is made of")),
                checks: [
                    .running("two", "its lower layer (/proc/PID/mountinfo)", "the very one that one has") {
                        look, two throws(LabError) in
                        guard let one = try look.container("one"), one.isRunning else {
                            return (false, "one does not run")
                        }
                        let (mine, theirs) = (two.rootOptions["lowerdir"], one.rootOptions["lowerdir"])
                        return (mine != nil && mine == theirs, mine == theirs ? mine ?? "none" : "another")
                    },
                    .running("two", "its upper layer", "its own") { look, two throws(LabError) in
                        let (mine, theirs) = (
                            two.rootOptions["upperdir"], try look.container("one")?.rootOptions["upperdir"]
                        )
                        return (mine != nil && mine != theirs, mine == theirs ? "one's" : "its own")
                    },
                ],
                shows: .sideBySide(
                    ["one", "two"],
                    [
                        .init("below") { ($0.rootOptions["lowerdir"] ?? "").shortened },
                        .init("above") { ($0.rootOptions["upperdir"] ?? "").shortened },
                    ])),
            LessonTask(
                "write in one",
                "Write a file /etc/note in one, and ask berth what has changed.",
                question: Question("Does two see the file?", ["yes", "no"], answer: "no"),
                look: "berth lab exec host -- berth diff one: A is new, C changed, D gone.",
                idea: "What is written goes to the upper layer, which is one's alone.",
                solution: Both(
                    LessonCommand("host", "berth exec one sh -c 'echo mine >/etc/note'", "a new file"),
                    LessonCommand("host", "berth diff one", "what one has that the image has not"),
                    LessonCommand("host", "berth diff two", "nothing of it")),
                checks: [
                    .change("one", "/etc/note", 1),
                    .toldOf("two", "/etc/note there (/proc/PID/root)") { _, view in
                        view.isRunning ? view.file("root/etc/note") == nil ? "no" : "yes" : nil
                    },
                ]),
            LessonTask(
                "remove what the image has",
                "Remove /etc/shells in one. The image is read by two as well.",
                question: Question(
                    "Is the file gone from the image?", ["yes", "no: it is only hidden from one"],
                    answer: "no: it is only hidden from one"),
                look: "berth lab exec host -- berth diff one, then berth exec two cat /etc/shells.",
                idea:
                    "The layer below is never written. A mark in the upper layer says that the name is not to be seen (a whiteout).",
                solution: Both(
                    LessonCommand("host", "berth exec one rm /etc/shells", "gone, for one"),
                    LessonCommand("host", "berth diff one", "D: taken away")),
                checks: [
                    .change("one", "/etc/shells", 2),
                    .toldOf("two", "/etc/shells there") { _, view in
                        guard view.isRunning else { return nil }
                        return view.file("root/etc/shells") == nil ? "yes" : "no: it is only hidden from one"
                    },
                ]),
            LessonTask(
                "begin anew",
                "Remove one, and run a container of that name once more.",
                look: "berth lab exec host -- berth rm -f one, and berth diff afterwards.",
                idea:
                    "The upper layer goes with the container. What is to stay belongs to a volume, or to an image (berth commit).",
                solution: Both(
                    LessonCommand("host", "berth rm -f one", "with its upper layer"),
                    LessonCommand("host", "berth run -d --name one berth/busybox sleep 600", "a new one"),
                    LessonCommand("host", "berth diff one", "of what it wrote before nothing is left")),
                checks: [.change("one", "/etc/note", nil), .change("one", "/etc/shells", nil)]),
        ],
        kernel:
            "A root is an overlay: the image's layers below, shared by all, read and never written, and one directory above, the container's "
            + "own. A file is copied up when it is first written; one that is removed gets a mark that hides it. So a container starts "
            + "at once and takes no room, and what it has written goes with it.")
}

extension String {
    /// Of a path the last three parts.
    fileprivate var shortened: String {
        let parts = split(separator: "/")
        return parts.count > 3 ? "…/" + parts.suffix(3).joined(separator: "/") : self
    }
}
