Console.WriteLine("kpm-bench");
