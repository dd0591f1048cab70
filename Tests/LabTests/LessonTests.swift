import Glibc
import JSON
import NetCore
import TestSupport
import Testing

@testable import Lab

/// What holds of every lesson.
@Suite("Lessons on this kernel")
struct LessonTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let id: String
        let backend: Backend
        let uid: Int
        var testDescription: String { "\(id) \(backend) uid \(uid)" }
        static var all: [Case] {
            Lessons.all.flatMap { lesson in
                Backend.allCases.flatMap { backend in
                    [0, 65534].map { Case(id: lesson.id, backend: backend, uid: $0) }
                }
            } + Lessons.all.filter(\.speaksNet).map { Case(id: $0.id, backend: .net, uid: 65534) }
        }
    }

    @Test("red at first, green when its own solution is typed, and the host is as before", arguments: Case.all)
    func solution(_ each: Case) async throws {
        try await PrivateHost.inTurn { host in
            let lab = try LabHost.learner(host, uid: each.uid)
            let lesson = try Lessons.find(each.id)
            let (before, mounts) = (try lab.state(), lab.mounts())
            try lab.must("start", each.id, "--backend", each.backend.rawValue)
            let print = lab.footprint()
            try lab.red("✗ 1 ", "expected: ", "seen: ")
            for number in 1...lesson.tasks.count {
                let text = try lab.must("solve")
                host.expect(text.holds("✓ \(number) \(lesson.tasks[number - 1].title)  (shown)"), text)
                try ShownFacts(lab: lab, backend: each.backend).expect(each.id, number, in: text)
                if number < lesson.tasks.count { try lab.red("✗ \(number + 1) ") }
            }
            let end = try lab.must("check", "--ascii")
            host.expect(end.holds(lesson.kernel.split(separator: " ").prefix(4).joined(separator: " ")), "the end")
            host.expect(end.utf8.allSatisfy { $0 < 128 }, "more than ASCII:\n\(end)")
            host.expect(try lab.must("list").holds("done"), "the list")
            try lab.must("stop")
            try lab.expectNothing(of: print, mounts: mounts, "after stop")
            host.expect(try lab.state().difference(from: before), is: "", "the host after stop")
        }
    }

    @Test("progress outlives the world; a reset goes back to a task, and its world is as before it")
    func progress() async throws {
        try await PrivateHost.inTurn { host in
            let lab = try LabHost.learner(host, uid: 65534)
            try lab.must("check", exits: 2)
            try lab.must("hint", exits: 2)
            try lab.must("start", "07", "--backend", "nft")
            try lab.must("answer", "nonsense", exits: 1)
            try lab.must("answer", "b")
            try lab.must("hint", "3", exits: 1)
            host.expect(try lab.must("hint").holds("hint 1 of 3"), "the first hint")
            try lab.green(upTo: 1, of: 6)
            try lab.must("solve", "--step", "3")
            try lab.must("stop")
            let bytes = try Files.read(lab.progressFile)
            let json = try JSON(parsing: bytes)["lessons"]?["07"]
            host.expect(json?["tasks"]?["1"], is: "done", "task 1")
            host.expect(json?["tasks"]?["3"], is: "shown", "task 3")
            // Where one goes on, the world is as far.
            try lab.must("start", "next")
            host.expect(
                try lab.type("client", "curl -s --max-time 2 198.51.100.2:8080"), is: "web sees 203.0.113.10\n", "web")
            host.expect(try lab.must("start", "07").holds("▸ 4"), "started twice")
            try lab.must("next", exits: 1)
            try lab.must("reset", "--task", "3")
            try lab.red("✓ 2 ", "✗ 3 ")
            try lab.must("reset", "--task", "9", exits: 1)
            try lab.type("host", "nft flush ruleset")
            try lab.must("reset")
            try lab.red("✓ 2 ", "✗ 3 ", "died there in forward")
            try lab.must("stop")
        }
    }

    @Test("progress that cannot be read is moved aside, and that is said")
    func unreadable() async throws {
        try await PrivateHost.inTurn { host in
            let lab = try LabHost.learner(host, uid: 0)
            try Files.makeDirectories(Files.directory(of: lab.progressFile))
            for text in [
                "{", #"{"version":2,"lessons":{}}"#, #"{"version":1,"lessons":{"07":{"tasks":{"x":"done"}}}}"#,
            ] {
                try Files.replace(lab.progressFile, with: Array(text.utf8))
                host.expect(try lab.must("list").holds("could not be read"), "it is said of \(text)")
                host.expect(!Files.exists(lab.progressFile), "the old file is gone")
                host.expect(!(try lab.must("list").holds("could not be read")), "it is said once")
            }
            let names = try Files.names(in: Files.directory(of: lab.progressFile))
            let kept = try names.map {
                String(decoding: try Files.read("\(Files.directory(of: lab.progressFile))/\($0)"), as: UTF8.self)
            }
            host.expect(kept.contains("{"), "what it held is kept: \(names)")
        }
    }

    @Test("an id that is none is answered with what was meant")
    func typos() {
        func meant(_ id: String) -> String { Lessons.unknown(id).message }
        #expect(meant("7o").hasSuffix("did you mean 07?"))
        #expect(meant("publsh").hasSuffix("did you mean 07?"))
        #expect(meant("standart").hasSuffix("did you mean standard?"))
        #expect(meant("quite something else") == "there is no lesson or world called quite something else")
        #expect(Lessons.named("7")?.id == "07")
    }

    @Test(
        "each is whole: hints, solutions in both languages, questions whose answer is a choice",
        arguments: (Lessons.all + Lessons.appendix).map(\.id))
    func whole(_ id: String) throws {
        let lesson = try Lessons.find(id)
        #expect(lesson.world.fault == nil)
        #expect(lesson.world.name == id)
        for task in lesson.tasks {
            #expect(!task.checks.isEmpty && !task.look.isEmpty && !task.idea.isEmpty)
            if let question = task.question {
                #expect(question.choice(question.answer) == question.answer)
                #expect(question.choice("a") == question.choices.first)
                #expect(question.choice(question.form.example) != nil)
            }
            #expect(task.question != nil || !(task.solution.nft.isEmpty || task.solution.iptables.isEmpty))
        }
    }

    @Test("a task is passed over for a controller that this machine does not give containers, which is named")
    func controllers() {
        let told = Controllers.passedOver(without: "nonesuch")?.joined(separator: " ") ?? ""
        #expect(told.holds("passed over: this machine gives containers no controller nonesuch of control groups"))
        for controller in Controllers.offered { #expect(Controllers.passedOver(without: controller) == nil) }
        let needed = Lesson.limits.tasks.map(\.needsController)
        #expect(needed == ["memory", "memory", "cpu", "cpuset", "memory"])
    }

    @Test(
        "the pages in docs/lab are those that the lessons give", arguments: (Lessons.all + Lessons.appendix).map(\.id))
    func pages(_ id: String) throws {
        let lesson = try Lessons.find(id)
        let committed = String(decoding: try Files.read("docs/lab/\(id).md"), as: UTF8.self)
        #expect(committed == lesson.page, "make lab-pages")
    }
}
