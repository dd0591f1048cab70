#if Daemon
    import ArgumentParser
    import Glibc
    import Lab

    extension Backend: ExpressibleByArgument {
        public static var allValueStrings: [String] { (allCases + [.net]).map(\.rawValue) }
    }

    extension LabCommand {
        struct Dashboard: ParsableCommand {
            static let configuration = CommandConfiguration(
                commandName: "dashboard", abstract: "Where you are, and what to type next.")

            func run() throws {
                _ = try LessonCommands.dashboard()
                // With a terminal the world that stands is gone on with (lab.md 2.1).
                guard isatty(0) == 1, isatty(1) == 1, !HeldProgram.isHeld, let world = try World.running() else {
                    return
                }
                print("  Your world stands: this is a shell of it. Ctrl-D leaves it, berth lab stop ends the world.\n")
                fflush(nil)
                try LabCommand.shell(world, wanted: true)
            }
        }

        struct List: ParsableCommand {
            static let configuration = CommandConfiguration(
                commandName: "list", abstract: "All lessons, with your progress.")
            @Flag(help: "As JSON.")
            var json = false

            func run() throws { throw ExitCode(try LessonCommands.list(json: json)) }
        }

        struct Check: ParsableCommand {
            static let configuration = CommandConfiguration(
                commandName: "check",
                abstract: "Sends real packets and reads the kernel's state: is the open task done?",
                discussion:
                    "Exit codes: 0 all is done, 1 something is open, 2 no lesson runs, 3 the lab could not look.")
            @Flag(help: "As JSON.")
            var json = false
            @Flag(help: "Show the way of the packet that did not do what was expected.")
            var explain = false
            @Flag(help: "Look whenever something changes, until all is done, and tell what is otherwise.")
            var watch = false
            @Flag(help: "With ASCII alone.")
            var ascii = false

            func validate() throws {
                if watch && json { throw ValidationError("--watch and --json: take one of them") }
            }

            func run() throws {
                throw ExitCode(
                    try watch
                        ? LessonCommands.watch(explained: explain, ascii: ascii)
                        : LessonCommands.check(json: json, explained: explain, ascii: ascii))
            }
        }

        struct Hint: ParsableCommand {
            static let configuration = CommandConfiguration(
                commandName: "hint", abstract: "The next hint: where to look, the idea, the commands.")
            @Argument(help: "1 to 3; the third only after the others.")
            var level: Int?

            func run() throws { throw ExitCode(try LessonCommands.hint(level)) }
        }

        struct Answer: ParsableCommand {
            static let configuration = CommandConfiguration(
                commandName: "answer", abstract: "Answers the open task's question; berth lab check compares.")
            @Argument(help: "The answer's letter, or its text.")
            var answer: String?
            @Flag(help: "Go on without an answer: the task does not wait for one any more.")
            var skip = false

            func validate() throws {
                if skip == (answer != nil) { throw ValidationError("say an answer, or --skip") }
            }

            func run() throws { throw ExitCode(try LessonCommands.answer(answer ?? "skip")) }
        }

        struct Solve: ParsableCommand {
            static let configuration = CommandConfiguration(
                commandName: "solve",
                abstract: "Types the open task's solution, with the reasons; it is marked as shown, not as done.")
            @Option(help: "Up to this task.")
            var step: Int?
            @Flag(help: "All tasks.")
            var all = false
            @Flag(help: "With ASCII alone.")
            var ascii = false

            func run() throws { throw ExitCode(try LessonCommands.solve(step: step, isWhole: all, ascii: ascii)) }
        }

        struct Reset: ParsableCommand {
            static let configuration = CommandConfiguration(
                commandName: "reset", abstract: "Builds the world anew, as it was before the open task.")
            @Option(help: "As before this task, which is open again with those after it.")
            var task: Int?

            func run() throws { throw ExitCode(try LessonCommands.reset(task, screen: LabCommand.screen())) }
        }

        struct Next: ParsableCommand {
            static let configuration = CommandConfiguration(
                commandName: "next", abstract: "Ends the lesson that is done, and starts the first one that is not.")
            @Option(help: "nft, iptables, or net for berth's own.")
            var backend: Backend?

            func run() throws {
                try LabCommand.shell(
                    try LessonCommands.next(backend: backend, screen: LabCommand.screen()), wanted: true)
            }
        }

        struct Page: ParsableCommand {
            static let configuration = CommandConfiguration(
                commandName: "page", abstract: "A lesson as a page (Markdown), as in docs/lab.")
            @Argument(help: "A lesson.")
            var lesson: String

            func run() throws { throw ExitCode(try LessonCommands.page(lesson)) }
        }
    }
#endif
