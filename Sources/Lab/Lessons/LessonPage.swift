/// A lesson's page in docs/lab, made from the lesson itself.
extension Lesson {
    public var page: String {
        var lines = [
            "<!-- Made by `berth lab page \(id)` (make lab-pages) from the lesson's source: change it there. -->",
            "# \(id) \(title)", "", goal, "",
            "About \(minutes) minutes. `berth lab start \(id)`, and `--backend nft` or `--backend iptables`.", "",
            "## Where it begins", "",
            "World: \(world.title).",
        ]
        lines += services.map(\.text)
        lines += block(start)
        for (index, task) in tasks.enumerated() {
            lines += ["", "## Task \(index + 1): \(task.title)", "", task.text]
            if let question = task.question {
                lines += ["", question.text + " (`berth lab answer \(question.form.placeholder)`)", ""]
                lines += question.lines.dropFirst().map { "- " + $0.drop { $0 == " " } }
            }
            lines += ["", "What the check looks at:", ""]
            lines += task.checks.map { "- \($0.what): expected \($0.expected)" }
            if let shows = task.shows { lines += ["", "Once it is done the check shows \(shows.what)."] }
            lines += ["", "<details><summary>Hints</summary>", "", "1. \(task.look)", "2. \(task.idea)"]
            if let question = task.question { lines.append("3. The answer is \(question.answer).") }
            lines += block(task.solution) + ["", "</details>"]
        }
        lines += ["", "## What the kernel did", "", kernel]
        return lines.map { $0 + "\n" }.joined(by: "")
    }

    private func block(_ commands: Both) -> [String] {
        func lines(_ commands: [LessonCommand]) -> [String] {
            ["", "```sh"]
                + commands.flatMap { ($0.reason.isEmpty ? [] : ["# \($0.node): \($0.reason)"]) + [$0.outside] }
                + ["```"]
        }
        if commands.nft.isEmpty && commands.iptables.isEmpty { return [] }
        if commands.nft == commands.iptables { return lines(commands.nft) }
        return ["", "With nft:"] + lines(commands.nft) + ["", "With iptables:"] + lines(commands.iptables)
    }
}
