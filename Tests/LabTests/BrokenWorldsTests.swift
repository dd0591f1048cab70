import JSON
import NetCore
import TestSupport
import Testing

@testable import Lab

@Suite("Broken worlds")
struct BrokenWorldsTests {
    @Test(
        "each is whole: a world, several causes, hints, solutions in both languages",
        arguments: BrokenWorlds.all.map(\.id))
    func whole(_ id: String) throws {
        let broken = try #require(BrokenWorlds.named(id))
        #expect(broken.variants.count > 1 && !broken.symptoms.isEmpty && !broken.guards.isEmpty)
        #expect(Set(broken.variants.map(\.name)).count == broken.variants.count)
        for (seed, variant) in broken.variants.enumerated() {
            #expect(broken.variant(seed).name == variant.name)
            #expect(broken.variant(seed + 10 * broken.variants.count).name == variant.name)
            #expect(!variant.look.isEmpty && !variant.idea.isEmpty && !variant.cause.isEmpty)
            #expect(!variant.solution.nft.isEmpty && !variant.solution.iptables.isEmpty)
            let lesson = broken.lesson(seed: seed)
            #expect(lesson.world.fault == nil)
            // As the state file hands it on.
            let world = try #require(WorldDescription(lesson.world.json))
            #expect(world == lesson.world)
            #expect(Lessons.of(world)?.kernel == variant.cause)
            #expect(!BrokenWorlds.page.contains(variant.cause.prefix(40)))
        }
    }

    @Test("ten of them, and their page is in docs/lab")
    func page() throws {
        #expect(BrokenWorlds.all.map(\.id) == (1...10).map { $0 < 10 ? "b0\($0)" : "b\($0)" })
        let committed = String(decoding: try Files.read("docs/lab/broken.md"), as: UTF8.self)
        #expect(committed == BrokenWorlds.page, "make lab-pages")
    }

    @Test("a seed that nobody names is kept until the world is mended, and is another cause's after it")
    func seeds() {
        let broken = BrokenWorlds.all[0]
        var progress = LessonProgress()
        for _ in 0..<50 { #expect((0...9999).contains(progress.seed(for: broken))) }
        progress.begin(broken.lesson(seed: 4).trouble!)
        progress.hints[1] = 2
        #expect(progress.seed(for: broken) == 4)
        progress.begin(broken.lesson(seed: 4).trouble!)
        #expect(progress.hints == [1: 2])
        progress.marks[1] = .done
        for _ in 0..<50 { #expect(broken.variant(progress.seed(for: broken)).name != broken.variant(4).name) }
        progress.begin(broken.lesson(seed: 5).trouble!)
        #expect(progress.hints.isEmpty && progress.marks.isEmpty && progress.seed == 5)
    }

    @Test("progress: the seed stays, what was shown is not fixed, and the next one follows")
    func progress() async throws {
        try await PrivateHost.inTurn { host in
            let lab = try LabHost.learner(host, uid: 65534)
            try lab.must("break", "b99", exits: 1)
            host.expect(try lab.must("break", "07", exits: 1).holds("berth lab start 07"), "a lesson")
            try lab.must("break", "b02", "--seed", "4", "--backend", "nft")
            host.expect(try lab.must("status").holds("No container reaches the internet"), "status")
            try lab.must("break", "b02", "--seed", "5", exits: 1)
            host.expect(try lab.must("break", "b02").holds("Seed: 4"), "gone on with")
            try lab.must("hint", "2", exits: 1)
            host.expect(try lab.must("hint").holds("hint 1 of 3: "), "the first hint")
            try lab.must("next", exits: 1)
            let json = try JSON(parsing: Array(try lab.must("check", "--json", exits: 1).utf8))
            host.expect(json["seed"], is: 4, "the seed")
            host.expect(json["hints"], is: 1, "hints")
            try lab.must("reset")
            host.expect(try lab.must("check", exits: 1).holds("✗ a request, web"), "broken the same way")
            try lab.must("solve")
            host.expect(try lab.must("list").holds("0 of 10 fixed"), "shown is not fixed")
            try lab.must("stop")
            // The same again, by one's own hand.
            try lab.must("break", "b02", "--seed", "4", "--backend", "nft")
            try lab.type("host", "nft add rule ip lab postrouting ip saddr 10.88.0.0/24 oif eth0 snat to 198.51.100.2")
            host.expect(try lab.must("check").holds("Mended. What it was: the masquerade named eth1"), "mended")
            host.expect(try lab.must("list").holds("1 of 10 fixed"), "fixed")
            host.expect(try lab.must("list", "--json").holds("\"fixed\": 1"), "fixed, as JSON")
            host.expect(try lab.must().holds("Broken worlds (fix it yourself): 1 of 10 fixed"), "the dashboard")
            host.expect(try lab.must("next").holds("b03 · Works from client, not from app"), "next")
            try lab.must("stop")
        }
    }

    @Test("when all lessons are done, next is the first broken world that is not fixed")
    func afterLessons() async throws {
        try await PrivateHost.inTurn { host in
            let lab = try LabHost.learner(host, uid: 0)
            var progress = Progress()
            for lesson in Lessons.all {
                for task in 1...lesson.tasks.count { progress[lesson.id].marks[task] = .done }
            }
            progress["b01"].fixes = 1
            try Files.makeDirectories(Files.directory(of: lab.progressFile))
            try Files.replace(lab.progressFile, with: Array(progress.json.prettyText.utf8))
            host.expect(try lab.must("start", "next").holds("b02 · No container"), "next")
            try lab.must("stop")
        }
    }

    @Test("grade: who was changed, copied, foreign or unreadable is told, and the others are in the table")
    func grade() async throws {
        try await PrivateHost.inTurn { host in
            let lab = try LabHost.learner(host, uid: 0)
            try lab.must("break", "b01", "--seed", "4411", "--backend", "nft")
            let text = try lab.must("check", "--json", exits: 1)
            try lab.must("solve")
            let shown = try lab.must("check", "--json")
            try lab.must("reset")
            let second = try lab.must("check", "--json", exits: 1)
            try lab.must("stop")
            func file(_ name: String, _ text: String) throws -> String {
                let path = "\(host.scratch)/state/\(name).json"
                try Files.replace(path, with: Array(text.utf8))
                return path
            }
            let ada = try file("ada", shown)
            let bob = try file("bob", second)
            let good = try lab.must("grade", ada, bob)
            let lines = good.split(separator: "\n").map { $0.split(separator: " ", omittingEmptySubsequences: true) }
            host.expect(lines.count, is: 3, good)
            host.expect(lines[1].first == "ada" && good.holds("0/1 (1 shown)"), good)
            host.expect(good.holds("bob   b01 Site down from outside, fine on host  0/1"), good)
            host.expect(lines[1].suffix(2).map(String.init), is: ["4411", "✓"], good)
            let eve = try file("eve", second.replacing("\"attempts\": ", with: "\"attempts\": 1"))
            host.expect(try lab.must("grade", eve, exits: 1).holds("✗ changed after the check"), "changed")
            let copy = try file("copy", text)
            host.expect(try lab.must("grade", ada, copy, exits: 1).holds("✗ same world as "), "copied")
            let bad = try lab.must(
                "grade", ada, file("broken", "{"), file("foreign", "{\"version\": 1}"), "\(host.scratch)/none.json",
                file("old", #"{"version":1,"lesson":"07","passed":true,"tasks":[]}"#), exits: 1)
            for sentence in [
                "broken.json: is no JSON", "foreign.json: is not what berth lab check --json writes",
                "none.json: cannot be read", "old.json: was written by an older berth", "ada   b01",
            ] {
                host.expect(bad.holds(sentence), "\"\(sentence)\" is not in:\n\(bad)")
            }
        }
    }
}
