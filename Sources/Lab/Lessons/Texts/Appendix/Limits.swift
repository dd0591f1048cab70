import Glibc
import NetCore

extension Lesson {
    static let limits = Lesson(
        id: "B", title: "Limits: memory and processors", minutes: 6,
        goal: "containers get what you give them, and not what they ask for.",
        world: containerWorld("B"), services: [], start: Both(),
        tasks: [
            LessonTask(
                "a limit is a number in a file",
                "Run a container called small that may have 32 MiB of memory, and find where the kernel keeps that number.",
                look:
                    "berth run --help: --memory. Then cat /proc/PID/cgroup of its process (berth inspect small), and look below "
                    + "/sys/fs/cgroup.",
                idea:
                    "A container is a control group: a directory with files. memory.limit_in_bytes is version 1's file, memory.max version "
                    + "2's.",
                solution: Both(
                    LessonCommand(
                        "host", "berth run -d --name small --memory 32m berth/busybox sleep 600",
                        "a container with a limit"),
                    LessonCommand(
                        "host",
                        "cat /sys/fs/cgroup/memory/berth/*/memory.limit_in_bytes /sys/fs/cgroup/berth/*/memory.max 2>/dev/null; true",
                        "the kernel's own number")),
                checks: [.memory("small", mebibytes: 32)], needsController: "memory"),
            LessonTask(
                "ask for more",
                "dd with a block of 100 MiB asks for 100 MiB of memory. Let a container called hungry, with 32 MiB, do that: "
                    + "dd if=/dev/zero of=/dev/null bs=100M count=1. Say first how it ends.",
                question: Question(
                    "With which exit code does it end?", ["0", "1", "137"], answer: "137"),
                look: "echo $? after berth run; and berth inspect --format '{{.State.OOMKilled}}' hungry.",
                idea:
                    "The kernel promises memory freely, and counts when a page is first written. Past the limit it finds nothing to take "
                    + "back, and kills: 128 and the signal's number, 9.",
                solution: Both(
                    LessonCommand(
                        "host",
                        "berth run --name hungry --memory 32m berth/busybox dd if=/dev/zero of=/dev/null bs=100M count=1; echo $?",
                        "it has 32 MiB, and writes to 100")),
                checks: [
                    .ended("hungry", "killed by the kernel for want of memory, exit code 137") {
                        $0.isOOMKilled && $0.exitCode == 137
                    },
                    .toldOf("hungry", "its exit code") { _, view in
                        view.isRunning ? nil : "\(view.exitCode)"
                    },
                ], needsController: "memory"),
            LessonTask(
                "a part of a processor",
                "A loop takes a whole processor if nobody stops it. Run one, called slow, with a fifth of one: --cpus 0.2.",
                look: "berth lab exec host -- berth stats --no-stream slow; and cpu.stat in its control group.",
                idea:
                    "--cpus 0.2 is 20 ms of every 100: then its processes wait for the next period. sh -c 'while :; do :; done' is such a "
                    + "loop.",
                solution: Both(
                    LessonCommand(
                        "host", "berth run -d --name slow --cpus 0.2 berth/busybox sh -c 'while :; do :; done'",
                        "it would take all, and gets a fifth")),
                checks: [.throttled("slow", thousandths: 200)], needsController: "cpu"),
            LessonTask(
                "a share beside another",
                "--cpu-shares is no limit: it says who gets how much while several want the same. Run two such loops on the first "
                    + "processor (--cpuset-cpus 0): big with 1024 shares and little with 256.",
                question: Question(
                    "How long does big run, beside little?", ["as long", "twice as long", "four times as long"],
                    answer: "four times as long"),
                look: "berth lab exec host -- berth stats --no-stream big little",
                idea: "1024 to 256. Alone on the processor little would have all of it.",
                solution: Both(
                    LessonCommand(
                        "host",
                        "berth run -d --name big --cpuset-cpus 0 --cpu-shares 1024 berth/busybox sh -c 'while :; do :; done'",
                        "two that want the same processor"),
                    LessonCommand(
                        "host",
                        "berth run -d --name little --cpuset-cpus 0 --cpu-shares 256 berth/busybox sh -c 'while :; do :; done'"
                    )
                ),
                checks: [
                    .running("little", "it runs", "beside big") { look, _ throws(LabError) in
                        let isThere = try look.container("big")?.isRunning == true
                        return (isThere, isThere ? "both run" : "big does not run")
                    },
                    .toldOf("little", "how long both have run within a second (/proc/PID/schedstat)") {
                        look, little throws(LabError) in
                        guard let big = try look.container("big"), big.isRunning, little.isRunning else { return nil }
                        guard let before = big.runtime, let less = little.runtime else { return nil }
                        usleep(999_000)
                        let (more, few) = ((big.runtime ?? before) - before, (little.runtime ?? less) - less)
                        guard few > 0 else { return nil }
                        let tenths = more * 10 / few
                        return switch tenths {
                        case ..<14: "as long"
                        case ..<26: "twice as long"
                        case ..<80: "four times as long"
                        default: nil
                        }
                    },
                ], needsController: "cpuset"),
            LessonTask(
                "a child, and what its parent has",
                "End the three loops. Then run first in a group of your choice (--cgroup-parent /pods), give /pods itself 64 MiB, and run "
                    + "greedy there, which asks for 512: --memory 512m.",
                question: Question(
                    "How much can greedy have?", ["512 MiB", "64 MiB", "576 MiB"], answer: "64 MiB"),
                look:
                    "berth lab exec host -- berth inspect --format '{{json .Berth.EffectiveLimits}}' greedy. The group is "
                    + "/sys/fs/cgroup/memory/pods (version 1) or /sys/fs/cgroup/pods (version 2).",
                idea:
                    "A group is in a group. What the kernel counts for the child it counts for the parent too, and each has its limit.",
                solution: Both(
                    LessonCommand(
                        "host", "berth rm -f slow big little 2>/dev/null; true", "nobody burns time any more"),
                    LessonCommand(
                        "host", "berth run -d --name first --cgroup-parent /pods berth/busybox sleep 600",
                        "berth makes the group /pods, and one in it"),
                    LessonCommand(
                        "host",
                        "for f in /sys/fs/cgroup/memory/pods/memory.limit_in_bytes /sys/fs/cgroup/pods/memory.max; "
                            + "do [ ! -e $f ] || echo 67108864 >$f; done", "the parent has 64 MiB"),
                    LessonCommand(
                        "host",
                        "berth run -d --name greedy --cgroup-parent /pods --memory 512m berth/busybox sleep 600",
                        "it asks for more than its parent has: berth says so, and starts it")),
                checks: [
                    .removed("slow", "big", "little"),
                    .memory("greedy", mebibytes: 512),
                    .running("greedy", "the limit of /pods, in which it is", "\(64 << 20) bytes") { _, view in
                        guard view.group == "/pods/\(view.id)" else { return (false, "it is in \(view.group)") }
                        let limit = view.memoryLimit(of: "/pods")
                        return (limit == 64 << 20, limit.map { "\($0) bytes" } ?? "no limit")
                    },
                    .running("greedy", "80 MiB of memory, asked for in it (dd bs=80M)", "killed: exit code 137") {
                        look, _ throws(LabError) in
                        let words = ["dd", "if=/dev/zero", "of=/dev/null", "bs=80M", "count=1"]
                        let code = try look.execute(words, in: "greedy")
                        return (code == 137, code.map { "exit code \($0)" } ?? "it has not ended within 1.5 s")
                    },
                    .toldOf("greedy", "the tightest limit on its way up (.Berth.EffectiveLimits)") { _, view in
                        let limits = view.json["Berth"]?["EffectiveLimits"]?.array ?? []
                        return limits.first { $0["Resource"]?.string == "memory" }?["Text"]?.string
                    },
                ], needsController: "memory"),
        ],
        kernel:
            "A control group counts what its processes use and holds them to a number in a file. Memory past the limit: what can be taken back "
            + "is, then the kernel kills one of the group, exit code 137. Processors past the quota: they wait for the next period; shares "
            + "count only while others compete. And a group is in a group: the tightest limit on the way up to the root is the one that holds."
    )
}
