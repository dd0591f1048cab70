/// The broken worlds that come with the program.
public enum BrokenWorlds {
    public static let all: [BrokenWorld] = [
        .siteDown, .noInternet, .notFromApp, .localhost, .staleSyslog, .bigPackets, .halfFail,
        .openDatabase, .secondUplink, .firewallReload,
    ]

    public static func named(_ id: String) -> BrokenWorld? { all.first { $0.id == id } }

    /// Throws E-NAME with what to do instead.
    static func find(_ id: String) throws(LabError) -> BrokenWorld {
        if let found = named(id.lowercased()) { return found }
        if let lesson = Lessons.named(id) {
            throw LabError(
                .name, "\(id) is a lesson, not a broken world", fix: "berth lab start \(lesson.id)")
        }
        throw LabError(
            .name, "there is no broken world called \(id)",
            fix: "take one of these: \(all.map(\.id).joined(by: ", "))")
    }

    /// The one after `id` that its owner has not fixed; nil when there is none.
    static func next(after id: String?, _ progress: Progress) -> BrokenWorld? {
        let place = all.firstIndex { $0.id == id } ?? all.count - 1
        let turned = all[(place + 1)...] + all[...place]
        return turned.first { progress[$0.id].fixes == 0 }
    }
}

extension Lessons {
    /// What a standing world is: a lesson, or a broken world with its cause. Nil when it is neither.
    static func of(_ world: WorldDescription) -> Lesson? {
        if let lesson = named(world.name) { return lesson }
        guard let seed = world.seed else { return nil }
        return BrokenWorlds.named(world.name)?.lesson(seed: seed)
    }
}

extension LessonProgress {
    /// The seed for a start that names none: the one of before while that is open; else a new one, of another cause where there is
    /// one.
    func seed(for world: BrokenWorld) -> Int {
        guard let seed else { return Int.random(in: 0...9999) }
        if marks.isEmpty { return seed }
        for _ in 0..<32 {
            let drawn = Int.random(in: 0...9999)
            if world.variants.count < 2 || world.variant(drawn).name != world.variant(seed).name { return drawn }
        }
        return seed + 1
    }
}
