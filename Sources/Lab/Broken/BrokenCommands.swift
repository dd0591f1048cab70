import Glibc

extension LessonCommands {
    /// The broken world stands, and its symptom is told. One that stands already is gone on with. Throws E-NAME, E-EXISTS.
    public static func breakWorld(_ id: String, seed: Int?, backend: Backend?, keep: Bool) throws(LabError) -> World {
        try breakWorld(id, seed: seed, backend: backend, keep: keep, nil)
    }

    /// As above; the progress's lock may be held already.
    static func breakWorld(_ id: String, seed: Int?, backend: Backend?, keep: Bool, _ lock: ProgressLock?)
        throws(LabError) -> World
    {
        let broken = try BrokenWorlds.find(id)
        if let seed, seed < 0 {
            throw LabError(.name, "\(seed) is no seed", fix: "take a number from 0 on, or leave --seed out")
        }
        if let world = try World.running(), world.description.name == broken.id {
            let running = try standing()
            let isOther = seed.map { $0 != running.lesson.trouble?.seed } ?? false
            guard !isOther, backend ?? running.progress.backend == running.progress.backend else {
                throw LabError(
                    .exists, "\(broken.id) stands already",
                    cause: "with seed \(running.lesson.trouble?.seed ?? 0), and \(running.progress.backend.rawValue)",
                    fix: "end it first: berth lab stop")
            }
            put(running.text)
            try running.save()
            return world
        }
        let before = try known().0[broken.id]
        let seed = seed ?? before.seed(for: broken)
        let running = try RunningLesson.start(broken.lesson(seed: seed), backend: backend, keep: keep, lock)
        note(running.file)
        put(running.text)
        return running.world
    }
}

extension LessonProgress {
    /// Another cause has other hints, and is not found yet.
    mutating func begin(_ trouble: Trouble) {
        if seed != trouble.seed || !marks.isEmpty { (marks, hints, attempts, seconds) = ([:], [:], 0, 0) }
        seed = trouble.seed
    }
}
