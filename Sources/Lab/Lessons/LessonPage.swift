/// A lesson's page in docs/lab, made from the lesson itself.
extension Lesson {
    public var page: String {
        var lines = [
            "<!-- Made by `berth lab page \(id)` (make lab-pages) from the lesson's source: change it there. -->",
            "# \(id) \(title)", "", goal, "",
            "About \(minutes) minutes. " + beginning, "",
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

    private var beginning: String {
        if needsRoot {
            return
                "`sudo berth lab start \(id)`: its containers are real ones, which root alone can make. They run in a world of "
                + "their own, with a daemon, networks and control groups of its own ([lessons](lessons.md#the-appendix))."
        }
        return "`berth lab start \(id)`, and `--backend nft` or `--backend iptables`"
            + (speaksNet ? ", or `--backend net` where neither is ([berth net](net.md))." : ".")
    }

    private func block(_ commands: Both) -> [String] {
        func lines(_ commands: [LessonCommand]) -> [String] {
            ["", "```sh"]
                + commands.flatMap { ($0.reason.isEmpty ? [] : ["# \($0.node): \($0.reason)"]) + [$0.outside] }
                + ["```"]
        }
        if commands.nft.isEmpty && commands.iptables.isEmpty { return [] }
        let isOne = commands.nft == commands.iptables
        var all =
            isOne
            ? lines(commands.nft)
            : ["", "With nft:"] + lines(commands.nft) + ["", "With iptables:"] + lines(commands.iptables)
        if !commands.or.isEmpty {
            all += ["", "Or, by berth itself:", "", "```text"] + commands.or.map(\.otherwise) + ["```"]
        }
        let ours = commands[.net].map { $0.here(.net, .none) }
        guard speaksNet, !needsRoot, ours.map(\.line) != commands.nft.map(\.line) else { return all }
        return all + ["", isOne ? "Without these programs:" : "With neither:"] + lines(ours)
    }
}
