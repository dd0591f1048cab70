#if Daemon
    import ArgumentParser
    import Inspect
    import MiniRuntime
    import NetCore

    struct NetnsCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "netns", abstract: "Network namespaces with names, as ip netns makes them.",
            subcommands: [Add.self, Remove.self, List.self])

        struct Add: ParsableCommand {
            static let configuration = CommandConfiguration(
                commandName: "add", abstract: "Makes a namespace and prints its path, which berth cni takes.")
            @Argument(help: "A name below /run/netns.")
            var name: String

            func run() throws {
                print(try NetnsCommand.asked { () throws(KernelError) in try NamedNamespace.add(name) })
            }
        }

        struct Remove: ParsableCommand {
            static let configuration = CommandConfiguration(
                commandName: "rm", abstract: "Removes a name; the namespace goes with its last process.")
            @Argument(help: "A name below /run/netns.")
            var name: String

            func run() throws { try NetnsCommand.asked { () throws(KernelError) in try NamedNamespace.remove(name) } }
        }

        struct List: ParsableCommand {
            static let configuration = CommandConfiguration(commandName: "ls", abstract: "The names, one a line.")

            func run() throws {
                for name in try NetnsCommand.asked({ () throws(KernelError) in try NamedNamespace.list() }) {
                    print(name)
                }
            }
        }

        /// The value, its kernel error as one for people.
        static func asked<Value>(_ body: () throws(KernelError) -> Value) throws(InspectError) -> Value {
            do throws(KernelError) {
                return try body()
            } catch {
                throw InspectError(error)
            }
        }
    }
#endif
