Console.WriteLine("kpm-server");
