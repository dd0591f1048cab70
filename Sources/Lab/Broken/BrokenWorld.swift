/// A world in which something does not work, as a value: only the symptom is told. It becomes a lesson of one task when a seed has
/// chosen what is broken.
public struct BrokenWorld: Sendable {
    /// "b01".
    public let id: String
    /// What its users say.
    public let symptom: String
    /// How it was built, when all was well.
    public let story: String
    public let minutes: Int
    public let world: WorldDescription
    public let services: [Lesson.Service]
    /// Brings the world to where all is well.
    public let whole: Both
    /// Red while the symptom is there.
    public let symptoms: [Observation]
    /// What a repair must not break.
    public let guards: [Observation]
    public let variants: [Variant]

    /// One cause of the symptom.
    public struct Variant: Sendable {
        public let name: String
        /// What broke, and what the kernel did of it: told when it is mended, or shown.
        public let cause: String
        /// The first two hints: where to look, and the idea. The third is the solution's commands.
        public let look: String
        public let idea: String
        public let damage: Both
        public let solution: Both
        /// Left out where the kernel has not loaded br_netfilter.
        var needsBridgeFilter = false
    }

    /// Which cause the seed chooses: on one machine the same one each time.
    public func variant(_ seed: Int) -> Variant {
        let here = variants.filter { !$0.needsBridgeFilter || BridgeFilter.isHere }
        return here[seed % here.count]
    }

    /// What one goes into, with that seed's cause.
    public func lesson(seed: Int) -> Lesson {
        let variant = variant(seed)
        var world = world
        (world.name, world.seed) = (id, seed)
        return Lesson(
            id: id, title: symptom, minutes: minutes, goal: story, world: world, services: services,
            start: whole + variant.damage,
            tasks: [
                LessonTask(
                    symptom, story, look: variant.look, idea: variant.idea, solution: variant.solution,
                    checks: symptoms + guards)
            ], kernel: variant.cause, trouble: Trouble(seed: seed, symptoms: symptoms.count))
    }
}

/// What makes a lesson a broken world.
public struct Trouble: Hashable, Sendable {
    public let seed: Int
    /// So many of the task's first checks are the symptom; the others are guards.
    public let symptoms: Int
}

extension Both {
    static func + (before: Both, after: Both) -> Both {
        Both(nft: before.nft + after.nft, iptables: before.iptables + after.iptables)
    }
}
