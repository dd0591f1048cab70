/// The page of docs/lab on the broken worlds, made from the worlds themselves. It does not tell what is broken.
extension BrokenWorlds {
    public static var page: String {
        var lines = [
            "<!-- Made by `berth lab page broken` (make lab-pages) from the worlds' source: change it there. -->",
            "# Broken worlds", "",
            "Something does not work, and only the symptom is told: no tasks, no questions. Find the cause, and mend it so that nothing "
                + "else breaks. Each symptom has several causes; the seed chooses one.", "",
            "| command | what becomes true |", "|---|---|",
            "| `berth lab break ID [--seed N] [--backend nft\\|iptables]` | the world stands, broken; the same seed breaks it the same way, and without one a seed is drawn |",
            "| `berth lab check [--json]` | nothing: expected against seen; exit code 0 when the symptom is gone and nothing else is broken |",
            "| `berth lab hint` | nothing: where to look, the idea, the commands |",
            "| `berth lab solve` | the cause is told and mended, and the world counts as shown, not as fixed |",
            "| `berth lab reset` | the world is new, broken the same way |",
            "| `berth lab next` | the world that is mended is ended, the next one that you have not fixed stands |",
            "| `berth lab stop` | the world is gone; a start without a seed breaks it the same way until it is mended |",
        ]
        for world in all {
            lines += ["", "## \(world.id) \(world.symptom)", "", world.story, ""]
            lines.append("About \(world.minutes) minutes. World: \(world.world.title).")
            lines += ["", "The symptom is gone when:", ""]
            lines += world.symptoms.map { "- \($0.what): \($0.expected)" }
            lines += ["", "And nothing else is broken:", ""]
            lines += world.guards.map { "- \($0.what): \($0.expected)" }
        }
        return lines.map { $0 + "\n" }.joined(by: "")
    }
}
